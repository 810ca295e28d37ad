package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

func TestLines(t *testing.T) {
	t.Parallel()
	const me = "192.168.1.9:50000"
	for _, tt := range []struct {
		level   slog.Level
		message string
		attrs   []any
		want    string
	}{
		{slog.LevelInfo, msgAccepted, []any{"remote", me, "listener", "[::]:1883"}, "New connection from 192.168.1.9:50000 on port 1883."},
		{
			slog.LevelWarn, msgSlowed,
			[]any{"remote", me, "source", "192.168.1.9", "user", "ann", "failures", 6, "delay", 2 * time.Second},
			"Warning: Logins slowed down: 6 failed logins from 192.168.1.9:50000 as user 'ann', the next one waits for 2s.",
		},
		{slog.LevelInfo, msgNoDatabase, nil, "The plugin mosquitto_persist_sqlite.so is not loaded: the broker's own store does its work, durable before it is acknowledged, and its options have no effect."},
		{slog.LevelInfo, msgKept, []any{"path", "/var/lib/zancudo/zancudo"}, "Sessions and messages are kept in /var/lib/zancudo/zancudo."},
		{
			slog.LevelError, msgFull,
			[]any{"path", "/s", "state", "full", "reason", "no space is left for /s; it goes on when there is"},
			"Error: The store is full: no space is left for /s; it goes on when there is. What has to be stored is refused until it works again; all else goes on.",
		},
		{
			slog.LevelError, msgFull,
			[]any{"path", "/s", "state", "failed", "reason", "input/output error"},
			"Error: The store has failed: input/output error. What has to be stored is refused until it works again; all else goes on.",
		},
		{slog.LevelInfo, msgRecovered, []any{"path", "/s"}, "The store in /s works again."},
		{
			slog.LevelError, msgDamaged,
			[]any{"path", "/s/quarantine/x", "reason", "bad checksum", "facts", 7},
			"Error: The store was damaged (bad checksum). What could be read is in use, 7 facts; the damaged files are in /s/quarantine/x with a report that says what is lost.",
		},
		{slog.LevelInfo, msgAccepted, []any{"remote", "[::1]:50000", "listener", "[::1]:1883"}, "New connection from ::1:50000 on port 1883."},
		{
			slog.LevelInfo, msgConnected,
			[]any{"client", "a b", "remote", me, "version", packet.V5.String(), "clean", false, "keepalive", uint16(42), "user", "NAME"},
			"New client connected from 192.168.1.9:50000 as a b (p5, c0, k42, u'NAME').",
		},
		{
			slog.LevelInfo, msgConnected,
			[]any{"client", "x", "remote", me, "version", packet.V311.String(), "clean", true, "keepalive", uint16(60)},
			"New client connected from 192.168.1.9:50000 as x (p4, c1, k60).",
		},
		{
			slog.LevelInfo, msgConnected,
			[]any{"client", "x", "remote", me, "version", packet.V31.String(), "clean", true, "keepalive", uint16(0)},
			"New client connected from 192.168.1.9:50000 as x (p3, c1, k0).",
		},
		{slog.LevelInfo, msgDisconnected, []any{"client", "x", "remote", me}, "Client x [192.168.1.9:50000] disconnected."},
		{slog.LevelInfo, msgDisconnected, []any{"client", "x", "remote", me, "err", io.EOF}, "Client x [192.168.1.9:50000] disconnected: connection closed by client."},
		{
			slog.LevelInfo, msgDisconnected,
			[]any{"client", "x", "remote", me, "err", fmt.Errorf("line 12 denies: %w", packet.NotAuthorized)},
			"Client x [192.168.1.9:50000] disconnected: not authorised.",
		},
		{slog.LevelInfo, msgDisconnected, []any{"client", "x", "remote", me, "err", packet.KeepAliveTimeout}, "Client x [192.168.1.9:50000] disconnected: exceeded timeout."},
		{slog.LevelInfo, msgDisconnected, []any{"client", "x", "remote", me, "err", packet.SessionTakenOver}, "Client x [192.168.1.9:50000] disconnected: session taken over."},
		{
			slog.LevelInfo, msgDisconnected,
			[]any{"client", "x", "remote", me, "err", fmt.Errorf("second CONNECT: %w", packet.ProtocolError)},
			"Client x [192.168.1.9:50000] disconnected: protocol error: second CONNECT.",
		},
		{
			slog.LevelInfo, msgRefused,
			[]any{"remote", me, "reason", "0x87", "client", "x", "err", fmt.Errorf("no such user: %w", packet.NotAuthorized)},
			"Client x [192.168.1.9:50000] disconnected: not authorised.",
		},
		{slog.LevelInfo, msgRefused, []any{"remote", me, "err", "no CONNECT in time"}, "Client 192.168.1.9 [192.168.1.9:50000] disconnected: no CONNECT in time."},
		{slog.LevelInfo, msgRefused, []any{"remote", me, "err", fmt.Errorf("a: %w", packet.MalformedPacket)}, "Client 192.168.1.9 [192.168.1.9:50000] disconnected: malformed packet: a."},
		// A client cannot begin a line, nor play with a terminal.
		{
			slog.LevelInfo, msgConnected,
			[]any{"client", "x\n1: Client y", "remote", me, "version", "5.0", "clean", true, "keepalive", 0, "user", "\x1b[2J\u202eü\xff"},
			`New client connected from 192.168.1.9:50000 as x\n1: Client y (p5, c1, k0, u'\x1b[2J\u202eü\xff').`,
		},
		{LevelInformation, msgStarting, []any{"version", "zancudo version 1"}, "zancudo version 1 starting"},
		{LevelInformation, msgRunning, []any{"version", "zancudo version 1"}, "zancudo version 1 running"},
		{LevelInformation, msgTerminating, []any{"version", "zancudo version 1"}, "zancudo version 1 terminating"},
		{LevelInformation, msgLoaded, []any{"file", ""}, "Using default config."},
		{LevelInformation, msgLoaded, []any{"file", "a.conf"}, "Config loaded from a.conf."},
		{LevelInformation, msgOpening, []any{"listener", "127.0.0.1:1883"}, "Opening ipv4 listen socket on port 1883."},
		{LevelInformation, msgOpening, []any{"listener", "[::1]:1883"}, "Opening ipv6 listen socket on port 1883."},
		{LevelInformation, msgOpening, []any{"listener", "[::]:1883"}, "Opening ipv4 and ipv6 listen socket on port 1883."},
		{LevelInformation, msgOpening, []any{"listener", "/run/s", "protocol", "mqtt"}, "Opening unix listen socket on path /run/s."},
		{LevelInformation, msgOpening, []any{"listener", "[::]:8080", "protocol", "websockets"}, "Opening websockets listen socket on port 8080."},
		{slog.LevelInfo, msgAccepted, []any{"remote", "@", "listener", "/run/s"}, "New connection from unix socket on path /run/s."},
		{slog.LevelInfo, msgAnonymous, []any{"listener", "/run/s"}, "Everybody who can reach it may use path /run/s (allow_anonymous true)."},
		{
			slog.LevelInfo, msgRejected,
			[]any{"remote", me, "err", errors.New("corrupt PROXY header: it begins with 0x10")},
			"Connection rejected, corrupt PROXY header. From 192.168.1.9:50000: it begins with 0x10.",
		},
		{
			slog.LevelInfo, msgRejected,
			[]any{"remote", me, "err", errors.New("client did not connect using TLS")},
			"Connection from 192.168.1.9:50000 rejected, client did not connect using TLS.",
		},
		{
			slog.LevelWarn, msgForbidden,
			[]any{"client", "phone", "user", "alice", "action", "publish", "topic", "a/b", "err", "acl:3 says 'topic deny a/#'"},
			"Warning: Client phone, user alice, may not publish to 'a/b': acl:3 says 'topic deny a/#'.",
		},
		{slog.LevelInfo, msgForbidden, []any{"client", "c", "action", "receive", "topic", "a", "err", "acl: no rule allows it"}, "Client c may not receive 'a': acl: no rule allows it."},
		{slog.LevelInfo, msgForbidden, []any{"client", "c", "action", "subscribe", "filter", "a/#", "err", "x"}, "Client c may not subscribe to 'a/#': x."},
		{slog.LevelInfo, msgWouldForbid, []any{"client", "c", "action", "receive", "more", 7, "err", "x"}, "Client c would not be allowed to receive, 7 times more: x."},
		{slog.LevelInfo, msgForbiddenMany, []any{"denials", 7}, "Other clients did 7 things that they may not."},
		{
			slog.LevelInfo, msgNegotiated,
			[]any{"remote", me, "version", "TLSv1.3", "cipher", "TLS_AES_128_GCM_SHA256"},
			"Connection from 192.168.1.9:50000 negotiated TLSv1.3 cipher TLS_AES_128_GCM_SHA256.",
		},
		{slog.LevelInfo, msgRenewed, []any{"listener", "port 8883", "kind", "certificates"}, "New certificates are in use on port 8883."},
		{
			slog.LevelError, msgNotRenewed,
			[]any{"listener", "port 8883", "err", "Unable to load 'x'."},
			"Error: The files of TLS on port 8883 have changed and cannot be used; the old ones stay in use: Unable to load 'x'.",
		},
		{
			slog.LevelWarn, msgEnding,
			[]any{"word", "certfile", "text", "'/x.crt' of port 8883 ends in 7 days, on 2026-12-01."},
			"Warning: The certfile '/x.crt' of port 8883 ends in 7 days, on 2026-12-01.",
		},
		{slog.LevelWarn, msgKeyLog, []any{"file", "/k"}, "Warning: What decrypts every connection with TLS is written to /k: whoever has that file can read them all."},
		{slog.LevelInfo, msgLosing, []any{"client", "x", "err", errors.New("queue is full")}, "Outgoing messages are being dropped for client x."},
		{LevelInformation, msgDropped, []any{"identity", "user nobody, uid 65534 and gid 65534"}, "Running as user nobody, uid 65534 and gid 65534."},
		{slog.LevelInfo, msgAnonymous, []any{"listener", "127.0.0.1:1883"}, "Every program of this machine may use port 1883 (allow_anonymous true), which is not open to the network; 'zancudo init' sets up users, TLS and a listener that is."},
		{slog.LevelInfo, msgAnonymous, []any{"listener", "[::]:1883"}, "Everybody who can reach it may use port 1883 (allow_anonymous true)."},
		{slog.LevelWarn, msgConfiguration, []any{"text", "a.conf:3: 'user' is not supported yet."}, "Warning: a.conf:3: 'user' is not supported yet."},
		{slog.LevelWarn, "socket of systemd not used", []any{"text", "s is open, and no listener is for it"}, "Warning: socket of systemd not used: s is open, and no listener is for it."},
		{slog.LevelWarn, msgSignal, []any{"signal", "hangup"}, "Warning: Signal 'hangup' asks for what is not supported yet; nothing changes."},
		{slog.LevelError, "listener failed", []any{"err", errors.New("bad\nthing")}, `Error: listener failed: bad\nthing.`},
		{slog.LevelDebug, "said", []any{"client", "x", "topic", ""}, `said: client x, topic "".`},
		{slog.LevelDebug, "said", nil, `said.`},
		{LevelSubscribe, msgSubscribed, []any{"client", "s1", "qos", 2, "filter", "a/#"}, "s1 2 a/#"},
		{LevelUnsubscribe, msgUnsubscribed, []any{"client", "s1", "filter", "b/#"}, "s1 b/#"},
		{
			slog.LevelWarn, msgDenied,
			[]any{"client", "p1", "dup", false, "qos", 1, "retain", true, "packet_id", 1, "topic", "$SYS/x", "bytes", 2, "err", errors.New("not for clients")},
			"Warning: Denied PUBLISH from p1 (d0, q1, r1, m1, '$SYS/x', ... (2 bytes)): not for clients.",
		},
		{slog.LevelInfo, msgDisconnected, []any{"client", "x", "remote", me, "err", fmt.Errorf("3000000 bytes: %w", packet.PacketTooLarge)}, "Client x [192.168.1.9:50000] disconnected: oversize packet: 3000000 bytes."},
		{slog.LevelInfo, msgDisconnected, []any{"client", "x", "remote", me, "err", packet.QoSNotSupported}, "Client x [192.168.1.9:50000] disconnected: using not allowed feature (QoS too high, retain not supported, or bad AUTH method)."},
		{slog.LevelInfo, msgDisconnected, []any{"client", "x", "remote", me, "err", packet.AdministrativeAction}, "Client x [192.168.1.9:50000] disconnected: administrative action."},
		{slog.LevelInfo, msgRefused, []any{"remote", "@", "err", packet.ProtocolError}, "Client <unknown> [unix socket] disconnected: protocol error."},
	} {
		var b bytes.Buffer
		l := open(t, Options{Types: All, Stderr: &b, Timestamp: true, ConnectionMessages: true})
		r := slog.NewRecord(time.Unix(1700000000, 5), tt.level, tt.message, 0)
		r.Add(tt.attrs...)
		if err := l.Logger().Handler().Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		l.Flush()
		if got, want := b.String(), "1700000000: "+tt.want+"\n"; got != want {
			t.Errorf("%s:\ngot  %swant %s", tt.message, got, want)
		}
	}
}

// open opens a log that is closed at the end of the test.
func open(tb testing.TB, o Options) *Log {
	tb.Helper()
	l, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.Close)
	return l
}

func TestConnectionMessages(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := open(t, Options{Types: All, Stderr: &b})
	logger := l.Logger()
	logger.Info(msgAccepted, "remote", "1.2.3.4:5", "listener", "0.0.0.0:1883")
	logger.Info(msgConnected, "client", "x")
	logger.Info(msgDisconnected, "client", "x")
	logger.Info(msgRefused, "remote", "1.2.3.4:5", "err", "x")
	l.Flush()
	if got, want := b.String(), "Client 1.2.3.4 [1.2.3.4:5] disconnected: x.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHandlerAttributes(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := open(t, Options{Types: All, Stderr: &b, ConnectionMessages: true})
	logger := l.Logger()
	logger.With("a", 1).WithGroup("g").With("b", 2).Info("said", "c", 3)
	logger.With("client", "x").Info(msgDisconnected, "remote", "1.2.3.4:5")
	l.Flush()
	if got, want := b.String(), "said: a 1, g.b 2, g.c 3.\nClient x [1.2.3.4:5] disconnected.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	for _, tt := range []struct {
		on           bool
		format, want string
	}{
		{false, "%F", "said.\n"},
		{true, "", fmt.Sprintf("%d: said.\n", at.Unix())},
		{true, "%Y-%m-%dT%H:%M:%S", "2026-01-02T03:04:05: said.\n"},
	} {
		var b bytes.Buffer
		l := open(t, Options{Types: All, Stderr: &b, Timestamp: tt.on, TimestampFormat: tt.format})
		if err := l.Logger().Handler().Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "said", 0)); err != nil {
			t.Fatal(err)
		}
		l.Flush()
		if got := b.String(); got != tt.want {
			t.Errorf("%t %q: got %q, want %q", tt.on, tt.format, got, tt.want)
		}
	}
}

// Lines stay whole, whoever else writes.
func TestWholeLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer // has no lock of its own
	l := open(t, Options{Types: All, Stderr: &b})
	logger := l.Logger()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 100 {
				logger.Info("said", "who", i, "n", j, "text", strings.Repeat("x", 100))
			}
		})
	}
	wg.Wait()
	l.Flush()
	if got := strings.Count(b.String(), "x.\n"); got != 800 {
		t.Errorf("got %d lines, want 800", got)
	}
}
