//go:build unix

package main_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// Mosquitto's tools and ours meet over a unix socket, beside a listener of TCP.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	need(t, "mosquitto_sub", "mosquitto-clients")
	path, port := filepath.Join(t.TempDir(), "mqtt.sock"), proctest.FreePort(t)
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close() // as a broker leaves it that was killed

	b := broker(t, "-c", write(t, "allow_anonymous true\nlistener "+port+" 127.0.0.1\nlistener 0 "+path+"\nsocket_mode 0600\n"))
	b.wait(&b.stderr, "Opening unix listen socket on path "+path+".\n")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	for _, tools := range [][2][]string{
		{{"mosquitto_sub"}, {"mosquitto_pub"}},
		{{zancudo, "sub"}, {zancudo, "pub"}},
		{{"mosquitto_sub"}, {zancudo, "pub"}},
	} {
		sub, pub := tools[0], tools[1]
		s := start(t, sub[0], append(sub[1:], "--unix", path, "-t", "over/unix", "-C", "1", "-v")...)
		deadline := time.Now().Add(patience)
		for s.stdout.String() == "" && time.Now().Before(deadline) {
			if status, _, stderr := run(t, pub[0], append(pub[1:], "--unix", path, "-t", "over/unix", "-m", "hello")...); status != 0 {
				t.Fatalf("the publisher ends with status %d: %s", status, stderr)
			}
		}
		s.wait(&s.stdout, "over/unix hello\n")
	}
	b.wait(&b.stderr, "New client connected from unix socket as ")
	b.signal(syscall.SIGTERM)
	b.status()
	gone(t, path)
}

// A machine whose /etc/hosts was lost, as in a power cut, is one all the same.
func TestNoHostsFile(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("this test hides files from the broker; run it as root, with the right to mount")
	}
	port := proctest.FreePort(t)
	hide := `mount --bind /dev/null /etc/hosts && mount --bind /dev/null /etc/resolv.conf && exec "$0" "$@"`
	b := startCommand(t, exec.Command("unshare", "-m", "sh", "-c", hide, zancudo, "-c", write(t, "allow_anonymous true\nlistener "+port+" localhost\n")))
	b.wait(&b.stderr, " running\n")
	exchange(t, port)
}

// Behind a proxy, only what begins with its header is served, and it is the
// client's address that counts.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	v1, v2, named := proctest.FreePort(t), proctest.FreePort(t), proctest.FreePort(t)
	b := broker(t, "-c", write(t, "allow_anonymous true\n"+
		"listener "+v1+" 127.0.0.1\nenable_proxy_protocol 1\n"+
		"listener "+v2+" 127.0.0.1\nenable_proxy_protocol 2\nproxy_protocol_v2_require_tls true\n"+
		"listener "+named+" 127.0.0.1\nenable_proxy_protocol 2\nuse_identity_as_username true\nlistener_allow_anonymous false\n"))
	const signature = "\r\n\r\n\x00\r\nQUIT\n"
	const ends = "\xc0\x00\x02\x05\x7f\x00\x00\x01\x18\x83\x04\xd2" // 192.0.2.5:6275
	for _, tt := range []struct{ port, header, remote, user string }{
		{v1, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n", "192.0.2.5:6275", ""},
		{v1, "PROXY TCP6 2001:db8::5 ::1 6275 1234\r\n", "2001:db8::5:6275", ""},
		{v2, signature + "\x21\x11\x00\x14" + ends + "\x20\x00\x05\x01\x00\x00\x00\x01", "192.0.2.5:6275", ""},
		{named, signature + "\x21\x11\x00\x1b" + ends + "\x20\x00\x0c\x07\x00\x00\x00\x00\x22\x00\x04pump", "192.0.2.5:6275", ", u'pump'"},
	} {
		n := dial(t, "127.0.0.1", tt.port)
		if _, err := io.WriteString(n, tt.header); err != nil {
			t.Fatal(err)
		}
		c := mqtttest.NewClient(t, n, packet.V311)
		c.Timeout = patience
		c.SendText("CONNECT id=behind" + tt.port + " clean")
		c.Expect("CONNACK")
		b.wait(&b.stderr, "New client connected from "+tt.remote+" as behind"+tt.port+" (p4, c1, k0"+tt.user+").\n")
		c.Close()
	}
	for _, tt := range []struct{ port, header, log string }{
		{v1, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", "Connection rejected, corrupt PROXY header."},
		{v1, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 65536\r\n", `"65536" is no port.`},
		{v2, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n", "it does not begin as one of version 2."},
		{v2, signature + "\x21\x11\x00\x0c" + ends, "Connection from 192.0.2.5:6275 rejected, client did not connect using TLS.\n"},
	} {
		n := dial(t, "127.0.0.1", tt.port)
		if _, err := io.WriteString(n, tt.header); err != nil {
			t.Fatal(err)
		}
		n.SetReadDeadline(time.Now().Add(patience))
		if k, err := n.Read(make([]byte, 1)); k != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: it answers %d bytes, %v", tt.header, k, err)
		}
		n.Close()
		b.wait(&b.stderr, tt.log)
	}
}

// Who only looks whether somebody listens is no news, with a proxy or without.
func TestSilentPeers(t *testing.T) {
	t.Parallel()
	plain, proxied, web := proctest.FreePort(t), proctest.FreePort(t), proctest.FreePort(t)
	b := broker(t, "-v", "-c", write(t, "allow_anonymous true\nlistener "+plain+" 127.0.0.1\n"+
		"listener "+proxied+" 127.0.0.1\nenable_proxy_protocol 2\nlistener "+web+" 127.0.0.1\nprotocol websockets\n"))
	before := b.stderr.String()
	for range 10 {
		for _, port := range []string{plain, proxied, web} {
			dial(t, "127.0.0.1", port).Close()
		}
		n := dial(t, "127.0.0.1", proxied)
		io.WriteString(n, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00") // haproxy looks in this way
		n.Close()
	}
	exchange(t, plain)
	b.signal(syscall.SIGTERM)
	b.status()
	after := strings.TrimPrefix(b.stderr.String(), before)
	if n := strings.Count(after, "New connection from"); n != 1 || strings.Contains(after, "rejected") || strings.Contains(after, "unknown") {
		t.Errorf("%d connections are logged, want 1:\n%s", n, after)
	}
}

// The limit of open files is raised as far as Go does it, to one less than it may
// be, and said. When it is
// reached, clients wait until others go, and both are said once.
func TestOutOfFiles(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	b := startCommand(t, exec.Command("/bin/sh", "-c", `ulimit -Sn 20 && ulimit -Hn 50 && exec "$0" "$@"`, zancudo, "-c", open(t, port)))
	b.wait(&b.stderr, "Up to 49 files and connections may be open at a time.")
	b.wait(&b.stderr, " running\n")
	var served []*mqtttest.Client
	var waiting []net.Conn
	const short = "Warning: No connection is accepted on port "
	for !strings.Contains(b.stderr.String(), short) {
		n := dial(t, "127.0.0.1", port)
		n.SetReadDeadline(time.Now().Add(time.Second))
		io.WriteString(n, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")
		if k, _ := n.Read(make([]byte, 4)); k == 4 {
			n.SetReadDeadline(time.Time{})
			served = append(served, mqtttest.NewClient(t, n, packet.V311))
		} else {
			waiting = append(waiting, n)
		}
		if len(served)+len(waiting) > 60 {
			t.Fatal("it accepts more than it has files for")
		}
	}
	if len(served) < 20 {
		t.Fatalf("only %d are served", len(served))
	}
	b.wait(&b.stderr, "too many open files. Those that come wait until others end.\n")
	c := served[0]
	c.Timeout = patience
	c.SendText("PINGREQ") // those who are there notice nothing
	c.Expect("PINGRESP")
	for _, c := range served[1:] {
		c.Close()
	}
	for _, n := range waiting {
		n.SetReadDeadline(time.Now().Add(patience))
		if k, err := io.ReadFull(n, make([]byte, 4)); k != 4 {
			t.Errorf("one that waited reads %d bytes, %v", k, err)
		}
		n.Close()
	}
	deadline := time.Now().Add(patience)
	for !strings.Contains(b.stderr.String(), "Connections are accepted again on port ") && time.Now().Before(deadline) {
		exchange(t, port)
		<-time.After(100 * time.Millisecond)
	}
	log := b.stderr.String()
	if paused, resumed := strings.Count(log, short), strings.Count(log, "Connections are accepted again on port "); paused != 1 || resumed != 1 {
		t.Errorf("it says %d times that accepting pauses and %d times that it goes on:\n%s", paused, resumed, log)
	}
}
