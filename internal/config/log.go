package config

import (
	"cmp"
	"strings"
	"time"
)

// Log says what is logged, where and how.
type Log struct {
	Types              LogTypes
	Dests              LogDests
	Facility           *int // of syslog: local0 to local7; nil: daemon
	Timestamp          bool
	TimestampFormat    string // for strftime; empty: seconds since 1970
	ConnectionMessages bool

	Format      string        // text or json
	RotateBytes int           // 0: never by size
	RotateAge   time.Duration // 0: never by age
	RotateKeep  int           // how many files
}

// LogTypes is a set of kinds of log lines.
type LogTypes uint16

// The kinds of log lines, as Mosquitto knows them.
const (
	LogError LogTypes = 1 << iota
	LogWarning
	LogNotice
	LogInformation
	LogDebug
	LogSubscribe
	LogUnsubscribe
	LogWebSockets
	LogInternal

	LogAll LogTypes = 1<<iota - 1
)

func (l *LogTypes) String() string {
	var all []string
	for i, name := range logTypeNames {
		if *l&(1<<i) != 0 {
			all = append(all, name)
		}
	}
	return cmp.Or(strings.Join(all, ", "), "none")
}

func (l *LogTypes) reset() { *l = 0 }

func (l *LogTypes) read(w *Word, rest string) *Problem {
	token := firstToken(rest)
	for i, name := range logTypeNames {
		if name == token {
			*l |= 1 << i
			return nil
		}
	}
	switch token {
	case "all":
		*l = LogAll
	case "none":
		*l = 0
	default:
		return w.notOneOf(token)
	}
	return nil
}

var logTypeNames = [...]string{"error", "warning", "notice", "information", "debug", "subscribe", "unsubscribe", "websockets", "internal"}

// LogDests are places to log to.
type LogDests struct {
	Stdout, Stderr, Syslog, Topic, Journal bool
	DLT, Android                           bool
	None                                   bool // nowhere, whatever else is there
	File                                   string
}

func (l *LogDests) String() string {
	if l.None {
		return "none"
	}
	var all []string
	for _, d := range []struct {
		name string
		on   bool
	}{
		{"stdout", l.Stdout},
		{"stderr", l.Stderr},
		{"syslog", l.Syslog},
		{"topic", l.Topic},
		{"journal", l.Journal},
		{"dlt", l.DLT},
		{"android", l.Android},
		{"file " + l.File, l.File != ""},
	} {
		if d.on {
			all = append(all, d.name)
		}
	}
	return strings.Join(all, ", ")
}

func (l *LogDests) reset() { *l = LogDests{} }

func (l *LogDests) read(w *Word, rest string) *Problem {
	token := firstToken(rest)
	switch token {
	case "stderr":
		l.Stderr = true
	case "stdout":
		l.Stdout = true
	case "syslog":
		l.Syslog = true
	case "topic":
		l.Topic = true
	case "journald":
		l.Journal = true
	case "dlt":
		l.DLT = true
	case "android":
		l.Android = true
	case "none":
		l.None = true
	case "file":
		return l.setFile(w, strings.TrimLeft(rest[len(token):], blanks))
	default:
		return w.notOneOf(token)
	}
	return nil
}

func (l *LogDests) setFile(w *Word, name string) *Problem {
	switch {
	case name == "":
		return &Problem{Text: "Empty 'log_dest file' value in configuration.", Remedy: "Name the file, as in 'log_dest file /var/log/mosquitto/mosquitto.log'."}
	case !validText(name):
		return w.notText()
	case l.File != "":
		return &Problem{Text: "Duplicate 'log_dest file' value.", Remedy: "There can be one file: remove a line."}
	}
	l.File = name
	return nil
}
