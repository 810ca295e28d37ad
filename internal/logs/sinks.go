package logs

import (
	"errors"
	"io"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// The names of the destinations.
const (
	toStdout  = "stdout"
	toStderr  = "stderr"
	toFile    = "file"
	toSyslog  = "syslog"
	toTopic   = "topic"
	toJournal = "journald"
)

// want is a destination that is asked for, and how it is opened.
type want struct {
	key  key
	open func(l *Log) (sink, error)
}

// wanted returns the destinations that o asks for.
func wanted(o Options) []want {
	var all []want
	if o.Stdout != nil {
		all = append(all, want{key{name: toStdout, writer: o.Stdout}, func(*Log) (sink, error) { return stream{o.Stdout}, nil }})
	}
	if o.Stderr != nil {
		all = append(all, want{key{name: toStderr, writer: o.Stderr}, func(*Log) (sink, error) { return stream{o.Stderr}, nil }})
	}
	if o.File != "" {
		all = append(all, want{key{name: toFile, path: o.File, rotation: o.Rotation}, func(*Log) (sink, error) { return openFile(o.File, o.Rotation) }})
	}
	if o.Syslog {
		k := key{name: toSyslog, path: o.SyslogSocket, program: o.name(), facility: facility(o.Facility)}
		all = append(all, want{k, func(*Log) (sink, error) { return openSyslog(o.SyslogSocket), nil }})
	}
	if o.Journal {
		k := key{name: toJournal, path: o.JournalSocket, program: o.name()}
		all = append(all, want{k, func(*Log) (sink, error) { return openJournal(o.JournalSocket), nil }})
	}
	if o.Topic {
		all = append(all, want{key{name: toTopic}, func(l *Log) (sink, error) { return topics{l}, nil }})
	}
	return all
}

// stream is a sink that somebody else opened and closes.
type stream struct{ w io.Writer }

func (s stream) write(lines *batch) (int, error) { return writeAll(s.w, lines) }
func (s stream) close() error                    { return nil }

// writeAll writes the lines at once and returns how many of them are written.
func writeAll(w io.Writer, lines *batch) (int, error) {
	n, err := w.Write(lines.bytes)
	if err == nil {
		return len(lines.ends), nil
	}
	whole := 0
	for whole < len(lines.ends) && lines.ends[whole] <= n {
		whole++
	}
	return whole, err
}

// topics publishes lines below $SYS/broker/log.
type topics struct{ log *Log }

const logTopics = "$SYS/broker/log/"

// logExpiry is how long a line waits for an absent client, as in Mosquitto.
const logExpiry = 20 * time.Second

func (s topics) write(lines *batch) (int, error) {
	publish := s.log.publish.Load()
	if publish == nil {
		return len(lines.ends), nil // nobody can have subscribed yet
	}
	for i := range lines.ends {
		m := &packet.Message{
			Topic: logTopics + lines.kinds[i].kind().topic, Payload: append([]byte(nil), lines.line(i)...),
			QoS: packet.ExactlyOnce, Expires: time.Now().Add(logExpiry),
		}
		if err := (*publish)(m); err != nil {
			return i, errors.Join(errUnpublished, err)
		}
	}
	return len(lines.ends), nil
}

var errUnpublished = errors.New("a line cannot be published")

func (topics) close() error { return nil }

// publishable reports whether a line may go to a topic. Its way to a subscriber
// must not make another that would go there too: packets, and what becomes of
// lines under way, are not told to those who wait for them.
func publishable(r *record) bool {
	switch {
	case r.kind == Internal, r.message == msgReceived, r.message == msgSent, r.message == msgDetail:
		return false
	default:
		topic := r.attrs.text("topic")
		return len(topic) < len(logTopics) || topic[:len(logTopics)] != logTopics
	}
}
