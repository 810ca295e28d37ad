// Package recording is a file format for messages with their timing: JSON lines,
// each a message with the time since the recording began.
//
// It knows no clock, no files and no connections.
//
// Invariant: what [Entry.Append] wrote, [Reader.Next] reads as the same entry; and
// a file that was cut off anywhere has all its whole lines.
//
//	{"recording":1,"start":"2026-06-01T12:00:00Z"}
//	{"offset":0.000000,"topic":"lamp/set","qos":1,"retain":false,"payload":"on"}
//	{"offset":1.250000,"topic":"camera","qos":0,"retain":false,"payload-base64":"/9j/4AAQ"}
//
// Recordings can be put together, one behind the other, and lines taken out with
// grep or written by hand: only the topic is needed.
//
//	r := recording.NewReader(file)
//	for {
//		e, err := r.Next()
//		if err == io.EOF {
//			break
//		}
//		…
//	}
package recording
