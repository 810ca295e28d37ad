//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// TestKilledBroker kills the broker again and again, each time as soon as it has
// acknowledged some messages: the retained ones and those for an absent session
// are there when it runs again, in order, and each of QoS 2 once.
func TestKilledBroker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port := proctest.FreePort(t)
	file := write(t, "listener "+port+" 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location "+dir+"\n")
	rounds, each := 8, 25
	b := broker(t, "-c", file)
	sub := client(t, port, packet.V311)
	sub.SendText("CONNECT id=sub")
	sub.Expect("CONNACK")
	sub.SendText("SUBSCRIBE 1 a/# qos=2")
	sub.Expect("SUBACK 1 2")
	sub.Drop()
	for round := range rounds {
		pub := client(t, port, packet.V311)
		pub.SendText(fmt.Sprintf("CONNECT id=pub%d clean", round))
		pub.Expect("CONNACK")
		for i := range each {
			n := round*each + i
			pub.SendText(fmt.Sprintf("PUBLISH %d a/%d qos=%d %d", i+1, n%3, 1+n%2, n))
			if n%2 == 0 {
				pub.Expect(fmt.Sprintf("PUBACK %d", i+1))
			} else {
				pub.Expect(fmt.Sprintf("PUBREC %d", i+1))
				pub.SendText(fmt.Sprintf("PUBREL %d", i+1))
				pub.Expect(fmt.Sprintf("PUBCOMP %d", i+1))
			}
		}
		pub.SendText(fmt.Sprintf("PUBLISH 99 kept qos=1 retain %d", round))
		pub.Expect("PUBACK 99")
		b.signal(syscall.SIGKILL)
		<-b.ended
		b = broker(t, "-c", file)
		if !strings.Contains(b.stderr.String(), "sessions 1, retained 1") {
			t.Fatalf("round %d: it begins with\n%s", round, &b.stderr)
		}
	}
	sub = client(t, port, packet.V311)
	sub.SendText("CONNECT id=sub")
	sub.Expect("CONNACK present")
	for n := range rounds * each {
		p, ok := sub.Read().(*packet.Publish)
		for !ok { // a PUBREL of the message before, whose PUBCOMP was sent
			p, ok = sub.Read().(*packet.Publish)
		}
		if got := string(p.Payload); got != strconv.Itoa(n) || p.Topic != fmt.Sprintf("a/%d", n%3) {
			t.Fatalf("message %s of %s came, want %d", got, p.Topic, n)
		}
		if p.QoS == packet.AtLeastOnce {
			sub.SendText(fmt.Sprintf("PUBACK %d", p.PacketID))
			continue
		}
		sub.SendText(fmt.Sprintf("PUBREC %d", p.PacketID), fmt.Sprintf("PUBCOMP %d", p.PacketID))
	}
	sub.SendText("SUBSCRIBE 2 kept")
	for {
		if p, ok := sub.Read().(*packet.Publish); ok {
			if got := string(p.Payload); got != strconv.Itoa(rounds-1) {
				t.Errorf("the retained message is %s, want %d", got, rounds-1)
			}
			break
		}
	}
	b.signal(syscall.SIGTERM)
	if status := b.status(); status != 0 {
		t.Errorf("ends with status %d", status)
	}
	if _, err := os.Stat(filepath.Join(dir, "mosquitto.db")); err != nil {
		t.Errorf("the file that stands for what is kept: %v", err)
	}
	// Who removes that file starts afresh.
	if err := os.Remove(filepath.Join(dir, "mosquitto.db")); err != nil {
		t.Fatal(err)
	}
	if b = broker(t, "-c", file); !strings.Contains(b.stderr.String(), "sessions 0, retained 0") {
		t.Errorf("it does not start afresh:\n%s", &b.stderr)
	}
	// A second broker is kept out, and told whose the directory is.
	second := start(t, zancudo, "-c", file)
	if status := second.status(); status == 0 || !strings.Contains(second.stderr.String(), strconv.Itoa(b.cmd.Process.Pid)) {
		t.Errorf("a second broker ends with status %d and\n%s", status, &second.stderr)
	}
}
