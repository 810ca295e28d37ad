//go:build unix

package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// inherited is what Debian's Mosquitto has left: its configuration, with a port
// that is free, and its file.
type inherited struct {
	*testing.T
	port, dir, conf, file string
}

// mosquittos runs Mosquitto with clients of all kinds, and ends it.
func mosquittos(t *testing.T) *inherited {
	t.Helper()
	need(t, "mosquitto", "mosquitto")
	i := &inherited{T: t, port: proctest.FreePort(t), dir: t.TempDir()}
	i.conf = open(t, i.port, "persistence true", "persistence_location "+i.dir+"/", "user root")
	i.file = filepath.Join(i.dir, "mosquitto.db")
	m := start(t, "mosquitto", "-c", i.conf)
	m.wait(&m.stderr, " running\n")
	i.leave()
	m.signal(syscall.SIGTERM)
	if status := m.status(); status != 0 {
		t.Fatalf("Mosquitto ends with status %d", status)
	}
	return i
}

func (i *inherited) connect(v packet.Version, words, connack string) *mqtttest.Client {
	i.Helper()
	c := client(i.T, i.port, v)
	c.SendText("CONNECT " + words)
	c.Expect(connack)
	return c
}

// leave has clients come and go: those of MQTT 3.1.1 and 5.0, members of a share,
// those in the middle of a message of QoS 2 both ways, and those who publish.
func (i *inherited) leave() {
	i.Helper()
	three := i.connect(packet.V311, "id=three", "CONNACK")
	three.SendText("SUBSCRIBE 1 a/# qos=1 extra/+ qos=2")
	three.Expect("SUBACK 1 1 2")
	three.Drop()
	for _, words := range []string{"five subid=12 a/# qos=2 retain-as-published", "share subid=3 $share/g/s/# qos=1", "half h/# qos=2", "gone a/# qos=1"} {
		id, filters, _ := strings.Cut(words, " ")
		expiry := 3600
		if id == "gone" {
			expiry = 0
		}
		c := i.connect(packet.V5, fmt.Sprintf("v5 id=%s session-expiry=%d", id, expiry), "CONNACK ...")
		c.SendText("SUBSCRIBE 1 " + filters)
		c.Expect("SUBACK 1 ...")
		if id != "half" {
			c.Drop()
			continue
		}
		pub := i.connect(packet.V311, "id=pub clean", "CONNACK")
		pub.SendText("PUBLISH 1 h/1 qos=2 first", "PUBREL 1", "PUBLISH 2 h/2 qos=2 second", "PUBREL 2")
		pub.Expect("PUBREC 1", "PUBCOMP 1", "PUBREC 2", "PUBCOMP 2")
		c.Expect("PUBLISH 1 h/1 qos=2 first", "PUBLISH 2 h/2 qos=2 second")
		c.SendText("PUBREC 1")
		c.Expect("PUBREL 1")
		c.Drop()
	}
	sender := i.connect(packet.V311, "id=sender", "CONNACK")
	sender.SendText("PUBLISH 7 a/sent qos=2 sent")
	sender.Expect("PUBREC 7")
	sender.Drop()
	pub := i.connect(packet.V5, "v5 id=pub clean", "CONNACK ...")
	for n := range 30 {
		id := n + 1
		pub.SendText(fmt.Sprintf("PUBLISH %d a/%d qos=%d content-type=text user=k:v %s", id, n%3, 1+n%2, payload(n)))
		if n%2 == 0 {
			pub.Expect(fmt.Sprintf("PUBACK %d", id))
			continue
		}
		pub.Expect(fmt.Sprintf("PUBREC %d", id))
		pub.SendText(fmt.Sprintf("PUBREL %d", id))
		pub.Expect(fmt.Sprintf("PUBCOMP %d", id))
	}
	pub.SendText("PUBLISH 90 s/1 qos=1 shared", "PUBLISH 91 a/kept qos=1 retain response-topic=r content-type=x still", "PUBLISH kept/0 retain value",
		"PUBLISH 94 a/long qos=1 expiry=3000 lasting")
	pub.Expect("PUBACK 90", "PUBACK 91", "PUBACK 94")
	pub.SendText("PINGREQ")
	pub.Expect("PINGRESP")
}

// payload is that of the n-th message; some are so long that sessions share it.
func payload(n int) string { return strconv.Itoa(n) + strings.Repeat(".", 100*(n%2)) }

// goOn has the clients come back to Zancudo, and finds that they get all that
// they have still to get, in order.
func (i *inherited) goOn() {
	i.Helper()
	half := i.connect(packet.V5, "v5 id=half session-expiry=3600", "CONNACK present ...")
	half.Expect("PUBREL 1", "PUBLISH 2 h/2 dup qos=2 second")
	half.SendText("PUBCOMP 1", "PUBREC 2")
	half.Expect("PUBREL 2")
	half.SendText("PUBCOMP 2")
	i.connect(packet.V5, "v5 id=share session-expiry=3600", "CONNACK present ...").Expect("PUBLISH 1 s/1 dup qos=1 subid=3 shared")
	gone := i.connect(packet.V5, "v5 id=gone", "CONNACK ...")
	gone.SendText("PINGREQ")
	gone.Expect("PINGRESP")
	sender := i.connect(packet.V311, "id=sender", "CONNACK present")
	sender.SendText("PUBLISH 7 a/sent dup qos=2 sent", "PUBREL 7")
	sender.Expect("PUBREC 7", "PUBCOMP 7")
	i.wantQueue(i.connect(packet.V311, "id=three", "CONNACK present"), 1, false)
	i.wantQueue(i.connect(packet.V5, "v5 id=five session-expiry=3600 receive-maximum=5", "CONNACK present ..."), 2, true)
	eye := i.connect(packet.V5, "v5 id=eye clean", "CONNACK ...")
	eye.SendText("SUBSCRIBE 1 kept/#")
	eye.Expect("SUBACK 1 0", "PUBLISH kept/0 retain value")
	eye.SendText("SUBSCRIBE 2 a/kept qos=1")
	eye.Expect("SUBACK 2 1", "PUBLISH 1 a/kept retain qos=1 content-type=x response-topic=r still")
	pub := i.connect(packet.V311, "id=pub clean", "CONNACK")
	pub.SendText("PUBLISH 1 extra/1 qos=1 live")
	pub.Expect("PUBACK 1")
}

// wantQueue reads the queue of a client that has subscribed to a/# with a QoS.
func (i *inherited) wantQueue(c *mqtttest.Client, qos packet.QoS, five bool) {
	i.Helper()
	type arrival struct {
		topic, payload string
		qos            packet.QoS
	}
	var want []arrival
	for n := range 30 {
		want = append(want, arrival{fmt.Sprintf("a/%d", n%3), payload(n), min(packet.QoS(1+n%2), qos)})
	}
	want = append(want, arrival{"a/kept", "still", 1}, arrival{"a/long", "lasting", 1}, arrival{"a/sent", "sent", qos})
	for n, w := range want {
		p, ok := c.Read().(*packet.Publish)
		for !ok {
			p, ok = c.Read().(*packet.Publish)
		}
		if got := (arrival{p.Topic, string(p.Payload), p.QoS}); got != w {
			i.Fatalf("message %d is %+v, want %+v", n, got, w)
		}
		if n < 30 && five && (p.Properties == nil || p.Properties.ContentType != "text" || len(p.Properties.UserProperties) != 1) {
			i.Errorf("message %d has properties %+v", n, p.Properties)
		}
		if five && (len(p.SubscriptionIDs) != 1 || p.SubscriptionIDs[0] != 12) {
			i.Errorf("message %d has identifiers %v", n, p.SubscriptionIDs)
		}
		if p.QoS == packet.AtLeastOnce {
			c.SendText(fmt.Sprintf("PUBACK %d", p.PacketID))
		} else {
			c.SendText(fmt.Sprintf("PUBREC %d", p.PacketID), fmt.Sprintf("PUBCOMP %d", p.PacketID))
		}
	}
}

func (i *inherited) read() []byte {
	i.Helper()
	b, err := os.ReadFile(i.file)
	if err != nil {
		i.Fatal(err)
	}
	return b
}

// TestInherit starts Zancudo with the configuration of Mosquitto, in its place.
func TestInherit(t *testing.T) {
	t.Parallel()
	i := mosquittos(t)
	before := i.read()
	b := broker(t, "-c", i.conf)
	b.wait(&b.stderr, "Took over what Mosquitto has left in "+i.file+": 5 sessions, 4 subscriptions, 67 queued messages, 1 half-received message, 2 retained messages\n")
	b.wait(&b.stderr, `Not taken over: shared subscription of "share": `)
	i.goOn()
	b.signal(syscall.SIGKILL)
	<-b.ended
	if !bytes.Equal(before, i.read()) {
		t.Error("the file has changed")
	}
	b = broker(t, "-c", i.conf)
	if log := b.stderr.String(); strings.Contains(log, "Mosquitto") {
		t.Errorf("at the second start it says:\n%s", log)
	}
	i.connect(packet.V311, "id=three", "CONNACK present").Expect("PUBLISH * extra/1 dup qos=1 live")
	b.signal(syscall.SIGTERM)
	b.status()

	// The way back: Mosquitto goes on where it had ended.
	m := start(t, "mosquitto", "-c", i.conf)
	m.wait(&m.stderr, " running\n")
	half := i.connect(packet.V5, "v5 id=half session-expiry=3600", "CONNACK present ...")
	half.Expect("PUBREL 1", "PUBLISH 2 h/2 dup qos=2 second")
	half.Drop()
	m.signal(syscall.SIGTERM)
	m.status()

	// Now there are two states, and the one of Mosquitto is another one.
	b = broker(t, "-c", i.conf)
	b.wait(&b.stderr, "are not taken over, since the broker has a state of its own")
	if kept, err := os.ReadFile(i.file + ".imported"); err != nil || !bytes.Equal(kept, before) {
		t.Errorf("what was brought first is lost: %v", err)
	}

	// Who removes the file starts afresh.
	b.signal(syscall.SIGTERM)
	b.status()
	if err := os.Remove(i.file); err != nil {
		t.Fatal(err)
	}
	b = broker(t, "-c", i.conf)
	b.wait(&b.stderr, "sessions 0, retained 0")
	b.signal(syscall.SIGTERM)
	b.status()
	m = start(t, "mosquitto", "-c", i.conf)
	m.wait(&m.stderr, " running\n") // the file that stands for the state does not keep it from starting
}

// TestImport brings the same by a command.
func TestImport(t *testing.T) {
	t.Parallel()
	i := mosquittos(t)
	place := t.TempDir()
	conf := open(t, i.port, "persistence true", "persistence_location "+place)
	status, told, errors := run(t, zancudo, "import", "-n", "-c", conf, i.file)
	if status != 0 || !strings.HasPrefix(told, "Nothing has changed. This would be brought from "+i.file+" (mosquitto.db of version ") {
		t.Fatalf("a dry run ends with status %d and\n%s%s", status, told, errors)
	}
	b := broker(t, "-c", conf)
	status, _, errors = run(t, zancudo, "import", "-c", conf, i.file)
	if want := fmt.Sprintf("Error: Process %d has the store in ", b.cmd.Process.Pid); status != 1 || !strings.HasPrefix(errors, want) {
		t.Errorf("while a broker runs, it ends with status %d and\n%s", status, errors)
	}
	b.signal(syscall.SIGTERM)
	b.status()
	brought := strings.Replace(told[strings.Index(told, "\n"):], "would be", "was", 1)
	status, told, errors = run(t, zancudo, "import", "-c", conf, i.file)
	if status != 0 || !strings.HasPrefix(told, "Brought from "+i.file) || told[strings.Index(told, "\n"):] != brought {
		t.Fatalf("it ends with status %d and\n%s%s", status, told, errors)
	}
	for _, line := range []string{"        5  sessions\n", "        4  subscriptions\n", "        1  messages of QoS 2 that clients have not released\n", "        2  retained messages\n"} {
		if !strings.Contains(told, line) {
			t.Errorf("it does not say %q:\n%s", line, told)
		}
	}
	status, told, errors = run(t, zancudo, "import", "-c", conf, i.file)
	if status != 1 || !strings.Contains(errors, "Sessions of the same clients are there already (five, half, sender, share, three); with --keep") || told != "" {
		t.Errorf("for the second time, it ends with status %d and\n%s%s", status, told, errors)
	}
	status, told, errors = run(t, zancudo, "import", "-c", conf, "--keep", i.file)
	if status != 0 || !strings.Contains(told, "        0  sessions\n") || !strings.Contains(told, `  5 × session of "five", "half", "sender", "share", "three": there is one already`) {
		t.Errorf("with --keep it ends with status %d and\n%s%s", status, told, errors)
	}
	for _, dir := range []string{place, filepath.Join(place, "zancudo")} {
		status, told, errors = run(t, zancudo, "import", "-n", "-d", dir, "--keep", i.file)
		if status != 0 || !strings.Contains(told, " into "+filepath.Join(place, "zancudo")+":\n        0  sessions\n") {
			t.Errorf("with -d %s it ends with status %d and\n%s%s", dir, status, told, errors)
		}
	}
	status, told, errors = run(t, zancudo, "import", "-c", conf, "--replace", i.file)
	if status != 0 || !strings.Contains(told, "        5  sessions\n") {
		t.Errorf("with --replace it ends with status %d and\n%s%s", status, told, errors)
	}
	b = broker(t, "-c", conf)
	i.goOn()
	b.signal(syscall.SIGTERM)
	b.status()
}

// TestImportDamaged brings what comes before damage when it is asked to, and
// refuses to start in the place of Mosquitto otherwise.
func TestImportDamaged(t *testing.T) {
	t.Parallel()
	i := mosquittos(t)
	whole := i.read()
	if err := os.WriteFile(i.file, whole[:len(whole)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, errors := run(t, zancudo, "-c", i.conf)
	if status != 1 || !strings.Contains(errors, "it is damaged at byte ") || !strings.Contains(errors, "To begin with an empty state, move the file away") {
		t.Errorf("a broker ends with status %d and\n%s", status, errors)
	}
	status, told, errors := run(t, zancudo, "import", "-c", i.conf, "--partial")
	if status != 0 || !strings.Contains(told, "        5  sessions\n") || !strings.Contains(told, "what comes after is lost: byte ") {
		t.Errorf("with --partial it ends with status %d and\n%s%s", status, told, errors)
	}
	b := broker(t, "-c", i.conf)
	if log := b.stderr.String(); strings.Contains(log, "Mosquitto has") || !strings.Contains(log, "sessions 5, ") {
		t.Errorf("it begins with\n%s", log)
	}
}

// TestImportSQLite brings the database of Mosquitto's plugin, with the log that a
// killed process has left beside it.
func TestImportSQLite(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	conf := open(t, port, "persistence true", "persistence_location "+t.TempDir())
	file := filepath.Join("..", "..", "internal", "store", "mosqlite", "testdata", "mosquitto.sqlite3")
	status, told, errors := run(t, zancudo, "import", "-c", conf, file)
	want := `        2  sessions
        1  subscriptions
        3  messages that clients have still to get
        1  messages of QoS 2 that clients have not released
        1  retained messages
`
	if status != 0 || !strings.Contains(told, "(mosquitto.sqlite3 of version 1)") || !strings.Contains(told, want) ||
		!strings.Contains(told, `  session of "five": it had ended`) || !strings.Contains(told, `  will of "nobody": the client has no session`) {
		t.Fatalf("it ends with status %d and\n%s%s", status, told, errors)
	}
	b := broker(t, "-c", conf)
	three := client(t, port, packet.V311)
	three.SendText("CONNECT id=three")
	three.Expect("CONNACK present", "PUBLISH 1 long/0 dup qos=1 x")
	b.signal(syscall.SIGTERM)
	b.status()
}

// TestInheritSQLite starts Zancudo with a configuration that has the plugin, where
// Mosquitto was killed: nothing but the plugin says that the state is kept.
func TestInheritSQLite(t *testing.T) {
	t.Parallel()
	port, dir := proctest.FreePort(t), t.TempDir()
	file := filepath.Join(dir, "mosquitto.sqlite3")
	before := make(map[string][]byte)
	for _, ending := range []string{"", "-wal"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "internal", "store", "mosqlite", "testdata", "mosquitto.sqlite3"+ending))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+ending, b, 0o600); err != nil {
			t.Fatal(err)
		}
		before[ending] = b
	}
	conf := open(t, port, "plugin /usr/lib/x86_64-linux-gnu/mosquitto_persist_sqlite.so", "plugin_opt_db_file "+file, "plugin_opt_sync normal", "plugin_opt_flush_period 5")
	b := broker(t, "-c", conf)
	b.wait(&b.stderr, "The plugin mosquitto_persist_sqlite.so is not loaded: the broker's own store does its work")
	b.wait(&b.stderr, "Took over what Mosquitto has left in "+file+": 2 sessions, 1 subscription, 3 queued messages, 1 half-received message, 1 retained message\n")
	three := client(t, port, packet.V311)
	three.SendText("CONNECT id=three")
	three.Expect("CONNACK present", "PUBLISH 1 long/0 dup qos=1 x")
	b.signal(syscall.SIGKILL)
	<-b.ended
	for ending, want := range before {
		for _, name := range []string{file, file + ".imported"} {
			if got, err := os.ReadFile(name + ending); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is another one, %v", name+ending, err)
			}
		}
	}
	b = broker(t, "-c", conf)
	if log := b.stderr.String(); strings.Contains(log, "what Mosquitto has left") || strings.Contains(log, "Mosquitto has written") {
		t.Errorf("at the second start it says:\n%s", log)
	}
	b.signal(syscall.SIGTERM)
	b.status()

	// Without its store the broker does not take old messages for new ones.
	if err := os.RemoveAll(filepath.Join(dir, "zancudo")); err != nil {
		t.Fatal(err)
	}
	b = broker(t, "-c", conf)
	b.wait(&b.stderr, "The sessions and messages in "+file+" were taken over once, and are not again")
	b.signal(syscall.SIGTERM)
	b.status()

	// Mosquitto has run again.
	if err := os.WriteFile(file, append(bytes.Clone(before[""]), make([]byte, 4096)...), 0o600); err != nil {
		t.Fatal(err)
	}
	b = broker(t, "-c", conf)
	b.wait(&b.stderr, "Mosquitto has written "+file+", and its sessions and messages are not taken over")
	b.signal(syscall.SIGTERM)
	b.status()
}
