package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

const header = `{"recording":1,"start":"2000-01-01T00:00:00Z"}` + "\n"

// publishAll publishes a message each second.
func (w *world) publishAll(messages ...packet.Message) {
	w.t.Helper()
	for _, m := range messages {
		time.Sleep(time.Second) // of the bubble
		must(w.t, w.broker.Publish(&m))
	}
	synctest.Wait()
}

var traffic = []packet.Message{
	{Topic: "a/1", Payload: []byte("one"), QoS: 1, Retain: true},
	{Topic: "a/2", Payload: []byte("\xff"), QoS: 2},
	{Topic: "b", Properties: &packet.MessageProperties{ContentType: "x", UserProperties: []packet.UserProperty{{Name: "k", Value: "v"}}}},
}

const recorded = `{"offset":1.000000,"topic":"a/1","qos":1,"retain":true,"payload":"one"}
{"offset":2.000000,"topic":"a/2","qos":2,"retain":false,"payload-base64":"/w=="}
{"offset":3.000000,"topic":"b","qos":0,"retain":false,"properties":{"content-type":"x","user-properties":[{"k":"v"}]},"payload":""}
`

func TestRecord(t *testing.T) {
	for _, test := range []struct {
		name, line, before, want string // FILE stands for the file
		status                   run
	}{
		{"interrupted", "record -t # FILE", "", header + recorded, run{0, "", "Recorded 3 messages of 3 topics in 3s.\n"}},
		{"a count", "record -t a/# -C 2 FILE", "", header + firstRecorded(2), run{0, "", "Recorded 2 messages of 2 topics in 2s.\n"}},
		{"a time", "record -t # -W 2500ms FILE", "", header + firstRecorded(2), run{0, "", "Recorded 2 messages of 2 topics in 2.5s.\n"}},
		{"quiet", "record -t # -C 1 --quiet FILE", "", header + firstRecorded(1), run{}},
		{"filtered", "record -t # -T a/2 -T b FILE", "", header + firstRecorded(1), run{0, "", "Recorded 1 message of 1 topic in 3s.\n"}},
		{"QoS 0", "record -t a/1 -q 0 FILE", "", header + strings.Replace(firstRecorded(1), `"qos":1`, `"qos":0`, 1), run{0, "", "Recorded 1 message of 1 topic in 3s.\n"}},
		{"3.1.1", "record -t # -V 311 FILE", "", header + `{"offset":1.000000,"topic":"a/1","qos":1,"retain":false,"payload":"one"}
{"offset":2.000000,"topic":"a/2","qos":2,"retain":false,"payload-base64":"/w=="}
{"offset":3.000000,"topic":"b","qos":0,"retain":false,"payload":""}
`, run{0, "", "Recorded 3 messages of 3 topics in 3s.\n"}},
		{"standard output", "record -t # -C 1 -", "", "", run{0, header + firstRecorded(1), "Recorded 1 message of 1 topic in 1s.\n"}},
		{"nothing", "record -t nothing FILE", "", header, run{0, "", "Recorded 0 messages of 0 topics in 3s.\n"}},
		{"appended", "record -t # -C 1 --append FILE", "old\n", "old\n" + header + firstRecorded(1), run{0, "", "Recorded 1 message of 1 topic in 1s.\n"}},
		{"overwritten", "record -t # -C 1 --overwrite FILE", strings.Repeat("old\n", 99), header + firstRecorded(1), run{0, "", "Recorded 1 message of 1 topic in 1s.\n"}},
		{"exists", "record -t # FILE", "old\n", "old\n", run{1, "", "Error: Unable to write file \"FILE\": It exists; --append adds to it and --overwrite replaces it.\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			if test.before != "" {
				must(t, os.WriteFile(file, []byte(test.before), 0o600))
			}
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				p := w.start(nil, strings.ReplaceAll(test.line, "FILE", file))
				w.publishAll(traffic...)
				p.interrupt()
				got := p.end()
				got.stderr = strings.ReplaceAll(got.stderr, file, "FILE")
				if got != test.status {
					t.Errorf("got %+v, want %+v", got, test.status)
				}
			})
			text, err := os.ReadFile(file)
			if err != nil && !os.IsNotExist(err) || string(text) != test.want {
				t.Errorf("got %s%v\nwant %s", text, err, test.want)
			}
		})
	}
}

// TestRecordSurvivesTheBroker: the file is whole while the broker is away, and
// goes on when it is back.
func TestRecordSurvivesTheBroker(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.start(nil, "record -t # "+file)
		w.publishAll(traffic[0])
		w.down()
		synctest.Wait()
		if text, err := os.ReadFile(file); err != nil || string(text) != header+firstRecorded(1) {
			t.Errorf("without a broker the file is %q, %v", text, err)
		}
		w.up()
		time.Sleep(3 * time.Second)
		w.publishAll(traffic[1])
		p.interrupt()
		got := p.end()
		if got.status != 0 || !strings.Contains(got.stderr, "; connecting again.\n") || !strings.Contains(got.stderr, "Recorded 2 messages") {
			t.Errorf("got %+v", got)
		}
	})
}

func TestRecordFails(t *testing.T) {
	for _, test := range []struct {
		line string
		want run
	}{
		{"record FILE", run{1, "", "Error: You must specify a topic to record (-t); '#' is all of them." + usageOf("record")}},
		{"record -t #", run{1, "", "Error: No file given." + usageOf("record")}},
		{"record -t # --append --overwrite FILE", run{1, "", "Error: --append and --overwrite cannot be used together." + usageOf("record")}},
		{"record -t # -d -", run{1, "", "Error: -d cannot be used with -, where the messages go." + usageOf("record")}},
		{"record -t # /nowhere/x", run{1, "", "Error: Unable to write file \"/nowhere/x\": No such file or directory.\n"}},
		{"record -t # -W soon FILE", run{1, "", "Error: Invalid value 'soon' for -W; -W takes a time from 1ms to 2562047h47m16.854775807s, as 30 (seconds), 500ms or 5m." + usageOf("record")}},
	} {
		file := filepath.Join(t.TempDir(), "file")
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			if got := w.start(nil, strings.ReplaceAll(test.line, "FILE", file)).end(); got != test.want {
				t.Errorf("%s: got %+v, want %+v", test.line, got, test.want)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file") // and without a broker
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.listener.Close()
		got := w.start(nil, "record -t # "+file).end()
		if _, err := os.Stat(file); got.status != 1 || got.stderr == "" || !os.IsNotExist(err) {
			t.Errorf("without a broker: got %+v; the file: %v", got, err)
		}
	})
}

// TestRecordIsDenied: the broker says no, and the files stay as they are.
func TestRecordIsDenied(t *testing.T) {
	fresh := filepath.Join(t.TempDir(), "fresh")
	old := filepath.Join(t.TempDir(), "old")
	must(t, os.WriteFile(old, []byte("old\n"), 0o600))
	for _, line := range []string{"record -t # " + fresh, "record -t # --overwrite " + old, "record -t # --append " + old} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.down()
			w.serve(broker.New(broker.Options{Authorizer: refusal{}}))
			want := run{135, "", "All subscription requests were denied.\n"}
			if got := w.start(nil, line).end(); got != want {
				t.Errorf("%s: got %+v, want %+v", line, got, want)
			}
		})
	}
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("the new file: %v", err)
	}
	if text, err := os.ReadFile(old); err != nil || string(text) != "old\n" {
		t.Errorf("the old file: %q, %v", text, err)
	}
}

// TestFullDiskEndsRecord writes to a device that is always full.
func TestFullDiskEndsRecord(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.start(nil, "record -t # --append /dev/full")
		w.publishAll(traffic[0])
		want := run{1, "", "Error: Unable to write file \"/dev/full\": No space left on device.\nRecorded 1 message of 1 topic in 1s.\n"}
		if got := p.end(); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestReplay(t *testing.T) {
	all := "1s a/1:one:1:true 2s a/2:\xff:2:false 3s b::0:false"
	for _, test := range []struct {
		name, line, file, received string
		status                     run
	}{
		{"as recorded", "replay FILE", header + recorded, all, run{0, "", "Replayed 3 messages of 3 topics in 3s, at most 0s late.\n"}},
		{"twice as fast", "replay --speed 2 FILE", header + recorded, "500ms a/1:one:1:true 1s a/2:\xff:2:false 1.5s b::0:false", run{0, "", "Replayed 3 messages of 3 topics in 1.5s, at most 0s late.\n"}},
		{"slow", "replay --speed 0.01 --filter b FILE", header + recorded, "5m0s b::0:false", run{0, "", "Replayed 1 message of 1 topic in 5m0s, at most 0s late.\n"}},
		{"fast", "replay --fast FILE", header + recorded, "0s a/1:one:1:true 0s a/2:\xff:2:false 0s b::0:false", run{0, "", "Replayed 3 messages of 3 topics in 0s, at most 0s late.\n"}},
		{"filters", "replay --filter a/# --filter b -T a/2 FILE", header + recorded, "1s a/1:one:1:true 3s b::0:false", run{0, "", "Replayed 2 messages of 2 topics in 3s, at most 0s late.\n"}},
		{"changed", "replay -C 1 FILE", header, "", run{1, "", "Error: Unknown option '-C'." + usageOf("replay")}},
		{"prefix, QoS, retain", "replay --topic-prefix t/ -q 0 --no-retain --filter a/1 FILE", recorded, "1s t/a/1:one:0:false", run{0, "", "Replayed 1 message of 1 topic in 1s, at most 0s late.\n"}},
		{"3.1.1", "replay -V 311 FILE", header + recorded, all, run{0, "", "Replayed 3 messages of 3 topics in 3s, at most 0s late.\n"}},
		{"standard input", "replay -", header + recorded, all, run{0, "", "Replayed 3 messages of 3 topics in 3s, at most 0s late.\n"}},
		{"nothing", "replay FILE", header, "", run{0, "", "Replayed 0 messages of 0 topics in 0s, at most 0s late.\n"}},
		{"cut off", "replay FILE", recorded + `{"topic":"x`, all, run{0, "", "Warning: The last line of \"FILE\" was cut off, and is left out.\nReplayed 3 messages of 3 topics in 3s, at most 0s late.\n"}},
		{"damaged", "replay FILE", firstRecorded(1) + "damaged\n" + recorded, "1s a/1:one:1:true", run{1, "", "Error: \"FILE\" is no recording: line 2: invalid character 'd' looking for beginning of value.\n"}},
		{"missing", "replay FILE.x", header, "", run{1, "", "Error: Unable to read file \"FILE.x\": No such file or directory.\n"}},
		{"looped input", "replay --loop -", header, "", run{1, "", "Error: --loop needs a file; standard input can be read once only." + usageOf("replay")}},
		{"looped nothing", "replay --loop FILE", header, "", run{1, "", "Error: Unable to read file \"FILE\": It has no messages to begin again with.\n"}},
		{"dry run", "replay --dry-run --topic-prefix t/ FILE", header + recorded + recorded, "", run{0, "6 messages of 3 topics in 3s, 8 bytes of payload\n       2  t/a/1\n       2  t/a/2\n       2  t/b\n", ""}},
		{"dry run of nonsense", "replay --dry-run FILE", "nonsense\n", "", run{1, "", "Error: \"FILE\" is no recording: line 1: invalid character 'o' in literal null (expecting 'u').\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			must(t, os.WriteFile(file, []byte(test.file), 0o600))
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				received := w.timed()
				got := w.start(strings.NewReader(test.file), strings.ReplaceAll(test.line, "FILE", file)).end()
				got.stderr = strings.ReplaceAll(got.stderr, file, "FILE")
				if got != test.status {
					t.Errorf("got %+v, want %+v", got, test.status)
				}
				if got := received(); got != test.received {
					t.Errorf("broker received %q, want %q", got, test.received)
				}
			})
		})
	}
}

func TestReplayLoops(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, []byte(recorded), 0o600))
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		received := w.timed()
		p := w.start(nil, "replay --loop --filter a/2 "+file)
		time.Sleep(9 * time.Second)
		p.interrupt()
		want := run{130, "", "Replayed 3 messages of 1 topic in 9s, at most 0s late.\n"}
		if got := p.end(); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got, want := received(), "2s a/2:\xff:2:false 5s a/2:\xff:2:false 8s a/2:\xff:2:false"; got != want {
			t.Errorf("broker received %q, want %q", got, want)
		}
	})
}

// TestReplayIsLate: a broker that is away holds the messages up, and replay says
// how long.
func TestReplayIsLate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, []byte("{\"topic\":\"a\"}\n{\"topic\":\"a\",\"offset\":2}\n{\"topic\":\"a\",\"offset\":3}\n"), 0o600))
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.start(nil, "replay "+file)
		time.Sleep(time.Second)
		w.down()
		time.Sleep(time.Minute)
		w.up()
		got := p.end()
		late := regexp.MustCompile(`\nWarning: \S+s late after \d messages?; .*\nReplayed 3 messages of 1 topic in \S+s, at most \S+s late.\n$`)
		if got.status != 0 || !late.MatchString(got.stderr) {
			t.Errorf("got %+v", got)
		}
	})
}

// TestReplayIsRefused: a broker that does not want the messages is not passed over
// in silence.
func TestReplayIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, []byte(recorded), 0o600))
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.down()
		w.serve(broker.New(broker.Options{Authorizer: refusal{}}))
		want := run{0, "", "Warning: The broker refused 2 messages: Not authorized.\nReplayed 3 messages of 3 topics in 3s, at most 0s late.\n"}
		if got := w.start(nil, "replay "+file).end(); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// refusal refuses every message.
type refusal struct{}

func (refusal) Authorize(*broker.Client, broker.Action, string) error { return packet.NotAuthorized }

// timed collects what the broker gets and when.
func (w *world) timed() func() string {
	start := time.Now()
	got := make(chan string, 100)
	stop, err := w.broker.Subscribe("#", func(m *packet.Message) {
		got <- fmt.Sprintf("%v %s:%s:%d:%v", time.Since(start), m.Topic, m.Payload, m.QoS, m.Retain)
	})
	must(w.t, err)
	return func() string {
		synctest.Wait()
		stop()
		close(got)
		var all []string
		for s := range got {
			all = append(all, s)
		}
		return strings.Join(all, " ")
	}
}

// firstRecorded are the first n lines of what is recorded.
func firstRecorded(n int) string { return strings.Join(strings.SplitAfter(recorded, "\n")[:n], "") }

func usageOf(name string) string {
	return "\n\nUse 'zancudo " + name + " --help' to see usage.\n"
}
