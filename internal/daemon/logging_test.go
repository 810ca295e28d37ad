package daemon

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
)

func TestLogTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ conf, want string }{
		{"", "Error: e. Warning: w. notice. information."},
		{"log_type error", "Error: e."},
		{"log_type notice\nlog_type warning", "Warning: w. notice."},
		{"log_type information", "information."},
		{"log_type all", "Error: e. Warning: w. notice. information. debug."},
		{"log_type none", ""},
		{"log_dest none", ""},
		{"log_dest dlt", "Error: e. Warning: w. notice. information."}, // better here than nowhere
		{"log_dest topic", ""},
		{"log_dest stdout", "out: Error: e. out: Warning: w. out: notice. out: information."},
		{"log_dest stdout\nlog_dest stderr\nlog_type error", "out: Error: e. Error: e."},
	} {
		var out, err bytes.Buffer
		o := &Options{Config: parse(t, "log_timestamp false\n"+tt.conf), Stdout: &out, Stderr: &err}
		l, failed := logs.Open(o.logOptions(o.Config))
		if failed != nil {
			t.Fatal(failed)
		}
		logger := l.Logger()
		logger.Error("e")
		logger.Warn("w")
		logger.Info("notice")
		logger.Log(t.Context(), logs.LevelInformation, "information")
		logger.Debug("debug")
		l.Close()
		text := strings.ReplaceAll("\n"+strings.TrimSpace(out.String()), "\n", "\nout: ") + "\n" + err.String()
		text = strings.TrimPrefix(text, "\nout: \n")
		if got := strings.Join(strings.Fields(text), " "); got != tt.want {
			t.Errorf("%q:\ngot  %s\nwant %s", tt.conf, got, tt.want)
		}
	}
}

func TestLogOptions(t *testing.T) {
	t.Parallel()
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	const all = "log_dest file /a b\nlog_dest syslog\nlog_dest topic\nlog_dest journald\nlog_facility 3\nlog_timestamp_format %F\n" +
		"log_format json\nlog_rotate_size 10\nlog_rotate_age 2d\nlog_rotate_keep 7\nconnection_messages false"
	for _, tt := range []struct {
		conf string
		want logs.Options
	}{
		{all, logs.Options{
			File: "/a b", Syslog: true, Topic: true, Journal: true, Facility: new(3), Timestamp: true, TimestampFormat: "%F", JSON: true,
			Rotation: logs.Rotation{Bytes: 10, Age: 48 * time.Hour, Keep: 7},
		}},
		{"log_dest none\n" + all, logs.Options{
			Facility: new(3), Timestamp: true, TimestampFormat: "%F", JSON: true, Rotation: logs.Rotation{Bytes: 10, Age: 48 * time.Hour, Keep: 7},
		}},
		{"", logs.Options{Stderr: stderr, Timestamp: true, ConnectionMessages: true, Rotation: logs.Rotation{Keep: 5}}},
	} {
		tt.want.Types, tt.want.Name = logs.Error|logs.Warning|logs.Notice|logs.Information, "zancudo"
		o := &Options{Config: parse(t, tt.conf), Version: "zancudo version 1", Stderr: stderr}
		if got := o.logOptions(o.Config); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q:\ngot  %+v\nwant %+v", tt.conf, got, tt.want)
		}
	}
}

// A log file that cannot be opened keeps nobody from serving.
func TestNoLogFile(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	dir := t.TempDir()
	o := &Options{Config: parse(t, "log_timestamp false\nlog_dest file "+dir), Stderr: &stderr}
	l, err := o.openLog()
	if err != nil {
		t.Fatal(err)
	}
	l.Logger().Info("said")
	l.Close()
	if got, want := stderr.String(), "Error: Unable to open log file "+dir+" for writing: is a directory.\nsaid.\n"; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// Standard error that systemd has connected to its journal is used as such.
func TestInJournal(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	device, inode, ok := identity(f)
	if !ok {
		t.Skip("files have no identity here")
	}
	for _, tt := range []struct {
		w              io.Writer
		stream, socket string
		want           bool
	}{
		{f, fmt.Sprintf("%d:%d", device, inode), f.Name(), true},
		{f, fmt.Sprintf("%d:%d", device, inode), f.Name() + "x", false},
		{f, fmt.Sprintf("%d:%d", device, inode+1), f.Name(), false},
		{f, "", f.Name(), false},
		{&bytes.Buffer{}, "1:2", f.Name(), false},
	} {
		if got := inJournal(tt.w, tt.stream, tt.socket); got != tt.want {
			t.Errorf("%T %q: got %t", tt.w, tt.stream, got)
		}
	}
}

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("a.conf", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
