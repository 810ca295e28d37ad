// Package format is the output language of sub and rr: messages in, text out.
//
// It is Mosquitto's: what -F, -v, -N and --pretty say, to the byte. It prints
// nothing itself and reads no clock; the caller brings the time of receipt, in
// the zone that times shall be shown in.
//
// Invariant: what a format string asks for is decided once, by [Parse]; to append
// a message cannot fail but where the format expects something of the payload.
//
//	f, err := format.Parse("%I %t %p", format.Options{})
//	if err != nil {
//		return err // "Invalid format specifier 'z'."
//	}
//	b, err = f.Append(b, message, time.Now())
package format
