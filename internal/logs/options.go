package logs

import (
	"io"
	"time"
)

// Options say what is written where. The zero value writes nothing.
type Options struct {
	Types Types

	// The destinations. Those that are nil, empty or false are none.
	Stdout  io.Writer
	Stderr  io.Writer
	File    string // its name
	Syslog  bool
	Topic   bool // $SYS/broker/log/…, once Log.PublishTo was called
	Journal bool // systemd's

	// Timestamp begins each line with the time; the journal has its own.
	Timestamp bool
	// TimestampFormat is a format of strftime(3) for it, in the local zone;
	// empty: seconds since 1970.
	TimestampFormat string
	// JSON has each line of Stdout, Stderr and File be an object.
	JSON bool
	// ConnectionMessages are the lines that say who connects and disconnects.
	ConnectionMessages bool

	// Rotation is when File is put aside.
	Rotation Rotation
	// Facility is that of syslog, 0 to 7 for local0 to local7; nil: daemon.
	Facility *int
	// Name is the program's in syslog and the journal; empty: zancudo.
	Name string

	// SyslogSocket and JournalSocket are where those listen; empty: where they
	// do on this system.
	SyslogSocket, JournalSocket string
}

// Rotation says when a file is put aside for a new one. What was put aside has
// the file's name with .1 at the end, older ones .2 and so on.
type Rotation struct {
	Bytes int64         // zero: of any size
	Age   time.Duration // zero: of any age
	Keep  int           // how many are kept; zero: 5
}

// defaultKeep is how many files are kept that were put aside.
const defaultKeep = 5

func (o *Options) name() string {
	if o.Name == "" {
		return "zancudo"
	}
	return o.Name
}
