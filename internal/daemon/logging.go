package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
)

// logOptions translates what a configuration says of the log. Standard error
// is the journal's when systemd has connected it so: then its fields are used.
func (o *Options) logOptions(of *config.Config) logs.Options {
	c := &of.Log
	name, _, _ := strings.Cut(o.Version, " ")
	l := logs.Options{
		Types: logs.Types(c.Types), Timestamp: c.Timestamp, TimestampFormat: c.TimestampFormat, JSON: c.Format == "json",
		ConnectionMessages: c.ConnectionMessages, Facility: c.Facility, Name: name,
		Rotation: logs.Rotation{Bytes: int64(c.RotateBytes), Age: c.RotateAge, Keep: c.RotateKeep},
	}
	d := &c.Dests
	if d.None {
		return l
	}
	l.File, l.Syslog, l.Topic, l.Journal = d.File, d.Syslog, d.Topic, d.Journal
	if d.Stdout {
		l.Stdout = o.Stdout
	}
	nowhere := l.Stdout == nil && l.File == "" && !l.Syslog && !l.Topic && !l.Journal
	if d.Stderr || nowhere {
		if inJournal(o.Stderr, os.Getenv("JOURNAL_STREAM"), logs.JournalSocket) && !l.JSON {
			l.Journal = true
		} else {
			l.Stderr = o.Stderr
		}
	}
	return l
}

// openLog opens the log. A file that cannot be opened is no reason not to serve:
// standard error takes its place, and is told.
func (o *Options) openLog() (*logs.Log, error) {
	l := o.logOptions(o.Config)
	log, err := logs.Open(l)
	if err == nil || l.File == "" {
		return log, err
	}
	name, reason := l.File, err
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		reason = p.Err // all else is in the sentence
	}
	l.File, l.Stderr = "", o.Stderr
	if log, failed := logs.Open(l); failed == nil {
		log.Logger().Error("log file not opened", "file", name, "err", reason)
		return log, nil
	}
	return nil, err
}

// logsElsewhere reports whether the log goes where what is printed does not, so
// that who looks for the cause of a failed start looks there.
func (o *Options) logsElsewhere() bool {
	d := &o.Config.Log.Dests
	return !d.None && (d.File != "" || d.Syslog || d.Journal)
}

// trace is what the broker shall tell of packets.
func trace(c *config.Config, log *logs.Log) *broker.Trace {
	if c.Log.Types&config.LogDebug == 0 {
		return nil
	}
	return &broker.Trace{Packet: log.TracePacket}
}

// inJournal reports whether w is the stream of systemd's journal that the
// environment names, as device and inode, and the journal can be reached.
func inJournal(w io.Writer, stream, socket string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	if _, err := os.Stat(socket); err != nil {
		return false
	}
	device, inode, ok := identity(f)
	return ok && stream == fmt.Sprintf("%d:%d", device, inode)
}
