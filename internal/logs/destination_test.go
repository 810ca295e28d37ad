package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

func TestFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(name, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{Types: All, File: name})
	l.Logger().Info("one")
	l.Flush()
	// Somebody else puts it aside, and says so.
	if err := os.Rename(name, name+".old"); err != nil {
		t.Fatal(err)
	}
	l.Logger().Info("two")
	l.Flush()
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Logger().Info("three")
	l.Flush()
	for file, want := range map[string]string{name + ".old": "before\none.\ntwo.\n", name: "three.\n"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", file, got, err, want)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("got %v, %v, want a mode of 0640 or tighter", info.Mode(), err)
	}
	if _, err := Open(Options{File: t.TempDir()}); err == nil || !strings.HasPrefix(err.Error(), "open log file: open ") {
		t.Errorf("got %v for a directory", err)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		rotation Rotation
		age      time.Duration // of the first file
		want     map[string]string
	}{
		{"off", Rotation{}, 0, map[string]string{"": "1234567.\na.\nb.\nc.\nd.\n", ".1": ""}},
		{"size", Rotation{Bytes: 12}, 0, map[string]string{"": "b.\nc.\nd.\n", ".1": "1234567.\na.\n", ".2": ""}},
		{"kept", Rotation{Bytes: 1, Keep: 2}, 0, map[string]string{"": "d.\n", ".1": "c.\n", ".2": "b.\n", ".3": ""}},
		{"age", Rotation{Age: time.Hour}, 2 * time.Hour, map[string]string{"": "a.\nb.\nc.\nd.\n", ".1": "1234567.\n", ".2": ""}},
		{"young", Rotation{Age: time.Hour}, time.Minute, map[string]string{"": "1234567.\na.\nb.\nc.\nd.\n", ".1": ""}},
	} {
		name := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(name, []byte("1234567.\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-tt.age)
		if err := os.Chtimes(name, then, then); err != nil {
			t.Fatal(err)
		}
		l := open(t, Options{Types: All, File: name, Rotation: tt.rotation})
		for _, text := range []string{"a", "b", "c", "d"} {
			l.Logger().Info(msgDetail, "text", text+".")
			l.Flush()
		}
		for end, want := range tt.want {
			got, err := os.ReadFile(name + end)
			if string(got) != want || (err != nil) != (want == "") {
				t.Errorf("%s: %s has %q, %v, want %q", tt.name, "log"+end, got, err, want)
			}
		}
	}
}

// full is a disk that may be full.
type full struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	full  bool
	tries int
}

var errFull = errors.New("no space left on device")

func (f *full) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.full {
		return 0, errFull
	}
	return f.buf.Write(b)
}

func (f *full) set(state bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = state
}

func (f *full) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.buf.String()
}

// A full disk loses lines and says how many, there and elsewhere.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk, other := &full{full: true}, &full{}
		l := open(t, Options{Types: All, Stdout: disk, Stderr: other})
		for i := range 10 {
			l.Logger().Info("said", "n", i)
			time.Sleep(5 * time.Second)
		}
		disk.set(false)
		time.Sleep(5 * time.Second)
		l.Logger().Info("again")
		l.Flush()
		if got, want := disk.text(), "Warning: 10 lines were lost, because they could not be written.\nagain.\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got, want := strings.Count(other.text(), "Error: The log cannot be written to stdout: no space left on device.\n"), 1; got != want {
			t.Errorf("told %d times, want %d:\n%s", got, want, other.text())
		}
	})
}

// stuck is a reader that does not read.
type stuck chan struct{}

func (s stuck) Write(b []byte) (int, error) {
	<-s
	return len(b), nil
}

// Whoever logs does not wait for a destination, nor fill the memory.
func TestStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader := make(stuck)
		l, err := Open(Options{Types: Debug, Stderr: reader})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for i := range 50_000 {
			l.Logger().Debug("said", "n", i, "text", strings.Repeat("x", 50))
		}
		if time.Since(start) > 0 {
			t.Error("somebody had to wait")
		}
		d := l.setup.Load().destinations[0]
		l.mu.Lock()
		queued, lost := len(d.waiting.bytes), d.lost
		l.mu.Unlock()
		if queued > maxQueued+200 || lost == 0 {
			t.Errorf("%d bytes wait and %d lines are lost", queued, lost)
		}
		l.Close() // waits for a while only
		close(reader)
	})
}

func TestSyslog(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"unixgram", "unix"} {
		path, read := listenAt(t, network)
		l := open(t, Options{Types: All, Syslog: true, SyslogSocket: path, Name: "mosquitto", Timestamp: true})
		r := slog.NewRecord(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), slog.LevelWarn, "said", 0)
		if err := l.Logger().Handler().Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("<28>Jan  2 03:04:05 mosquitto[%d]: 1767323045: Warning: said.", os.Getpid())
		if network == "unix" {
			want += "\x00"
		}
		if got := read(); got != want {
			t.Errorf("%s: got %q, want %q", network, got, want)
		}
		o := l.setup.Load().options
		o.Facility, o.Timestamp = new(5), false
		if err := l.Change(o); err != nil {
			t.Fatal(err)
		}
		l.Logger().Error("said")
		if got := read(); !strings.HasPrefix(got, "<171>") || !strings.Contains(got, "]: Error: said.") {
			t.Errorf("%s: got %q", network, got)
		}
	}
}

// Where nobody listens, the other destinations say so, and it is tried again.
func TestSyslogIsMissing(t *testing.T) {
	t.Parallel()
	path, other := filepath.Join(t.TempDir(), "log"), &full{}
	l := open(t, Options{Types: All, Syslog: true, SyslogSocket: path, Stderr: other})
	l.Logger().Info("said")
	late, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	l.Logger().Info("again")
	for got := ""; !strings.HasSuffix(got, "]: again."); {
		got = readFrom(t, late)
	}
}

// A syslog daemon that is started anew is found again.
func TestSyslogRestarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	first, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{Types: All, Syslog: true, SyslogSocket: path})
	first.Close()
	os.Remove(path)
	second, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	l.Logger().Info("said")
	if got := readFrom(t, second); !strings.HasSuffix(got, "]: said.") {
		t.Errorf("got %q", got)
	}
}

func TestJournal(t *testing.T) {
	t.Parallel()
	path, read := listenAt(t, "unixgram")
	l := open(t, Options{Types: All, Journal: true, JournalSocket: path, Timestamp: true, ConnectionMessages: true})
	l.Logger().Info(msgConnected, "client", "a\nb", "remote", "192.0.2.7:5", "version", packet.V5.String(), "clean", true, "keepalive", 60, "user", "me")
	want := "PRIORITY=5\nSYSLOG_IDENTIFIER=zancudo\nMESSAGE=New client connected from 192.0.2.7:5 as a\\nb (p5, c1, k60, u'me').\n" +
		"ZANCUDO_MESSAGE=client connected\nCLIENT\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\nREMOTE=192.0.2.7:5\nVERSION=5.0\nCLEAN=true\nKEEPALIVE=60\nUSER=me\n"
	if got := read(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	r := slog.NewRecord(time.Now(), slog.LevelError, "said", 0)
	r.Add("message", 1, "_9x", 2, "---", 3)
	if err := l.Logger().Handler().Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, want := read(), "PRIORITY=3\nSYSLOG_IDENTIFIER=zancudo\nMESSAGE=Error: said: message 1, _9x 2, --- 3.\nZANCUDO_MESSAGE=said\nZANCUDO_MESSAGE=1\nX=2\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// listenAt listens at a new socket. The function returns the next line.
func listenAt(t *testing.T, network string) (path string, read func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "log")
	if network == "unixgram" {
		c, err := net.ListenPacket(network, path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return path, func() string { return readFrom(t, c) }
	}
	ln, err := net.Listen(network, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	var c net.Conn
	return path, func() string {
		t.Helper()
		for b := make([]byte, 1000); ; c = nil {
			if c == nil {
				var err error
				if c, err = ln.Accept(); err != nil {
					t.Fatal(err)
				}
				defer func(accepted net.Conn) { t.Cleanup(func() { accepted.Close() }) }(c)
			}
			if n, _ := c.Read(b); n > 0 {
				return string(b[:n])
			}
		}
	}
}

func readFrom(t *testing.T, c net.PacketConn) string {
	t.Helper()
	b := make([]byte, 1000)
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, _, err := c.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestTopics(t *testing.T) {
	t.Parallel()
	var published []string
	l := open(t, Options{Types: All, Topic: true, Timestamp: false, ConnectionMessages: true})
	l.Logger().Info("nobody hears it")
	l.Flush()
	l.PublishTo(func(m *packet.Message) error {
		published = append(published, fmt.Sprintf("%s %s %d %t", m.Topic, m.Payload, m.QoS, m.Retain))
		// A line about a line would never end.
		l.Logger().Debug(msgSent, "client", "x", "packet", "PUBLISH", "topic", m.Topic)
		l.Logger().Debug(msgReceived, "client", "x", "packet", "PUBACK", "packet_id", 1)
		l.Logger().Warn("message dropped", "client", "x", "topic", m.Topic)
		return nil
	})
	logger := l.Logger()
	logger.Error("e")
	logger.Warn("w")
	logger.Info("n")
	logger.Log(t.Context(), LevelInformation, "i")
	logger.Debug("d")
	logger.Log(t.Context(), LevelSubscribe, msgSubscribed, "client", "s1", "qos", 2, "filter", "a/#")
	logger.Log(t.Context(), LevelUnsubscribe, msgUnsubscribed, "client", "s1", "filter", "a/#")
	logger.Log(t.Context(), LevelWebSockets, "ws")
	logger.Log(t.Context(), LevelInternal, "internal")
	l.Flush()
	want := []string{
		"$SYS/broker/log/E Error: e. 2 false", "$SYS/broker/log/W Warning: w. 2 false", "$SYS/broker/log/N n. 2 false",
		"$SYS/broker/log/I i. 2 false", "$SYS/broker/log/D d. 2 false", "$SYS/broker/log/M/subscribe s1 2 a/# 2 false",
		"$SYS/broker/log/M/unsubscribe s1 a/# 2 false", "$SYS/broker/log/WS ws. 2 false",
	}
	if strings.Join(published, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(published, "\n"), strings.Join(want, "\n"))
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := open(t, Options{Types: All, Stderr: &b, JSON: true, Timestamp: true, ConnectionMessages: true})
	r := slog.NewRecord(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), slog.LevelInfo, msgDisconnected, 0)
	r.Add("client", "a\"\\\n\xff\u2028ü", "remote", "192.0.2.7:5", "err", io.EOF, "n", 7, "ok", true, "u", uint8(9), "at", time.Time{})
	if err := l.Logger().Handler().Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	l.Flush()
	want := `{"time":"2026-01-02T03:04:05.000000006Z","type":"notice","message":"client disconnected",` +
		`"text":"Client a\"\\\\n\\xff\\u2028ü [192.0.2.7:5] disconnected: connection closed by client.",` +
		`"client":"a\"\\\u000a` + "\uFFFD" + `\u2028ü","remote":"192.0.2.7:5","err":"EOF","n":7,"ok":true,"u":9,"at":"0001-01-01T00:00:00Z"}` + "\n"
	if got := b.String(); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	var v map[string]any
	if err := json.Unmarshal(b.Bytes(), &v); err != nil {
		t.Error(err)
	}
}

func FuzzJSONString(f *testing.F) {
	f.Add("a\"\\\n\xff\u2028\x7f")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendJSONString(nil, []byte(s)), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// What is written where changes while lines are written, and loses none.
func TestChange(t *testing.T) {
	t.Parallel()
	var before, after bytes.Buffer
	l := open(t, Options{Types: Notice, Stdout: &before})
	logger := l.Logger()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1000 {
			logger.Info("said", "n", i)
		}
	}()
	if err := l.Change(Options{Types: Notice | Debug, Stdout: &before, Stderr: &after}); err != nil {
		t.Fatal(err)
	}
	logger.Debug("debug")
	if err := l.Change(Options{Types: Notice, Stderr: &after}); err != nil {
		t.Fatal(err)
	}
	<-done
	l.Flush()
	if err := l.Change(Options{Types: All, Stderr: &after, File: t.TempDir()}); err == nil {
		t.Error("a directory is a log file")
	}
	if logger.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("a change that failed has changed something")
	}
	if !strings.Contains(after.String(), "debug.\n") {
		t.Error("the new destination has not got its line")
	}
	for i := range 1000 {
		line := fmt.Sprintf("said: n %d.\n", i)
		if !strings.Contains(before.String(), line) && !strings.Contains(after.String(), line) {
			t.Errorf("line %d is lost", i)
		}
	}
}
