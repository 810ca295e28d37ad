//go:build linux

package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// smallDisk mounts a file system in memory, for root only.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skip("this test mounts a small file system; run it as root, in a container with the right to mount")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill takes all the space that a file system has left.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// troubled is a broker whose store gets into trouble, with those who look on.
type troubled struct {
	*testing.T
	broker  *process
	port    string
	api     string
	file    string
	dir     string // where its store is
	v5, v3  *mqtttest.Client
	watch   *mqtttest.Client
	stored  []string // what was acknowledged, for the absent session
	packets uint16
}

func newTroubled(t *testing.T, dir string) *troubled {
	t.Helper()
	b := &troubled{T: t, port: proctest.FreePort(t), api: proctest.FreePort(t), dir: dir}
	b.file = write(t, "listener "+b.port+" 127.0.0.1\nallow_anonymous true\nlistener "+b.api+" 127.0.0.1\nprotocol http_api\nsys_interval 1\n"+
		"persistence true\npersistence_location "+dir+"\nmax_queued_messages 0\nmax_queued_bytes 0\n")
	b.broker = broker(t, "-c", b.file)
	sub := client(t, b.port, packet.V311)
	sub.SendText("CONNECT id=absent")
	sub.Expect("CONNACK")
	sub.SendText("SUBSCRIBE 1 a qos=1")
	sub.Expect("SUBACK 1 1")
	sub.Drop()
	b.enter()
	return b
}

// enter connects those whose sessions end with the connection.
func (b *troubled) enter() {
	b.Helper()
	b.v5, b.v3, b.watch = client(b.T, b.port, packet.V5), client(b.T, b.port, packet.V311), client(b.T, b.port, packet.V5)
	b.v5.SendText("CONNECT v5 id=v5 clean")
	b.v3.SendText("CONNECT id=v3 clean")
	b.watch.SendText("CONNECT v5 id=watch clean")
	b.v5.Expect("CONNACK ...")
	b.v3.Expect("CONNACK")
	b.watch.Expect("CONNACK ...")
}

// publish has the absent session get a message, and returns the answer.
func (b *troubled) publish(size int) packet.ReasonCode {
	b.Helper()
	b.packets++
	text := fmt.Sprintf("%d ", b.packets)
	m := packet.Message{Topic: "a", Payload: append([]byte(text), bytes.Repeat([]byte("x"), size)...), QoS: packet.AtLeastOnce}
	b.v5.Send(&packet.Publish{PacketID: b.packets, Message: m})
	ack, ok := b.v5.Read().(*packet.Puback)
	if !ok || ack.PacketID != b.packets {
		b.Fatalf("message %d is answered by %v", b.packets, ack)
	}
	if !ack.ReasonCode.Failed() {
		b.stored = append(b.stored, text)
	}
	return ack.ReasonCode
}

// refusedWith publishes until something is refused.
func (b *troubled) refusedWith(want packet.ReasonCode) {
	b.Helper()
	for range 5000 {
		if code := b.publish(10_000); code.Failed() {
			if code != want {
				b.Fatalf("refused with %v, want %v", code, want)
			}
			return
		}
	}
	b.Fatal("nothing is refused")
}

// goesOn checks that what need not be stored works, and what must be is not
// acknowledged.
func (b *troubled) goesOn(state string, code packet.ReasonCode) {
	b.Helper()
	b.watch.SendText("SUBSCRIBE 1 live qos=1")
	b.watch.Expect("SUBACK 1 1")
	b.v3.SendText("PUBLISH live zero", "PUBLISH 7 live qos=1 one") // nobody's session lasts
	b.v3.Expect("PUBACK 7")
	b.watch.Expect("PUBLISH live zero", "PUBLISH 1 live qos=1 one")
	b.watch.SendText("PUBACK 1", "UNSUBSCRIBE 2 live")
	b.watch.Expect("UNSUBACK 2 0")
	b.v3.SendText("PUBLISH 8 a qos=1 never", "PUBLISH 9 kept qos=1 retain never", "PINGREQ")
	b.v3.Expect("PINGRESP")
	lasting := client(b.T, b.port, packet.V5)
	lasting.SendText("CONNECT v5 id=lasting session-expiry=1000")
	lasting.Expect(fmt.Sprintf("CONNACK 0x%02X ...", byte(code)))
	lasting.Drop()
	b.watch.SendText("SUBSCRIBE 3 $SYS/broker/store/state")
	b.says("$SYS/broker/store/state", state)
	b.watch.SendText("UNSUBSCRIBE 4 $SYS/broker/store/state")
	if status, body := b.health(); status != 200 || !strings.HasPrefix(body, "ok\nstore "+state+": ") {
		b.Errorf("/healthz says %d %q", status, body)
	}
	b.broker.wait(&b.broker.stderr, map[string]string{"full": "Error: The store is full: no space is left for ", "failed": "Error: The store has failed: "}[state])
}

// says reads from the watch until a topic says what it should.
func (b *troubled) says(topic, want string) {
	b.Helper()
	for {
		if p, ok := b.watch.Read().(*packet.Publish); ok && p.Topic == topic && string(p.Payload) == want {
			return
		}
	}
}

func (b *troubled) health() (status int, body string) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://127.0.0.1:"+b.api+"/healthz", nil)
	if err != nil {
		b.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// recovers publishes until it works again, without a restart.
func (b *troubled) recovers() {
	b.Helper()
	b.broker.wait(&b.broker.stderr, " works again.\n")
	deadline := time.Now().Add(patience)
	for b.publish(1).Failed() {
		if time.Now().After(deadline) {
			b.Fatal("it works again, and refuses still")
		}
		<-time.After(50 * time.Millisecond)
	}
	b.v3.SendText("PUBLISH 10 kept qos=1 retain again")
	b.v3.Expect("PUBACK 10")
}

// restart kills the broker and starts another.
func (b *troubled) restart() {
	b.Helper()
	b.broker.signal(syscall.SIGKILL)
	<-b.broker.ended
	b.broker = broker(b.T, "-c", b.file)
	b.enter()
}

// collect reads all that was acknowledged for the absent session.
func (b *troubled) collect() {
	b.Helper()
	sub := client(b.T, b.port, packet.V311)
	sub.SendText("CONNECT id=absent")
	sub.Expect("CONNACK present")
	for _, want := range b.stored {
		p, ok := sub.Read().(*packet.Publish)
		if !ok || !strings.HasPrefix(string(p.Payload), want) {
			b.Fatalf("want message %s, got %.30v", want, p)
		}
		sub.SendText("PUBACK " + strconv.Itoa(int(p.PacketID)))
	}
	b.stored = nil
	sub.SendText("PINGREQ")
	sub.Expect("PINGRESP") // and nothing else
	sub.Drop()
}

// TestDiskFull fills the disk, and makes room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "size=32m")
	b := newTroubled(t, dir)
	for range 5 {
		if code := b.publish(10); code.Failed() {
			t.Fatal(code)
		}
	}
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	b.refusedWith(packet.QuotaExceeded)
	b.goesOn("full", packet.QuotaExceeded)
	b.collect() // removing goes on, too
	b.refusedWith(packet.QuotaExceeded)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	b.recovers()
	b.restart()
	b.collect()

	// It starts on a full disk as well.
	fill(t, ballast)
	b.refusedWith(packet.QuotaExceeded)
	b.restart()
	b.goesOn("full", packet.QuotaExceeded)
	fill(t, ballast) // the space of the reserve, too, so that the store can only be read
	b.restart()
	b.goesOn("full", packet.QuotaExceeded)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	b.recovers()
	b.collect()
}

// TestWritesFail has all writes to files fail for a while: a limit on the size of
// files does that to anybody's process, at any moment.
func TestWritesFail(t *testing.T) {
	t.Parallel()
	b := newTroubled(t, t.TempDir())
	for range 5 {
		if code := b.publish(10); code.Failed() {
			t.Fatal(code)
		}
	}
	limitFiles(t, b.broker.cmd.Process.Pid, 0)
	b.refusedWith(packet.ImplementationSpecificError)
	b.goesOn("failed", packet.ImplementationSpecificError)
	limitFiles(t, b.broker.cmd.Process.Pid, ^uint64(0))
	b.recovers()
	b.restart()
	b.collect()
}

// limitFiles sets how long the files may be that a process writes.
func limitFiles(t *testing.T, pid int, bytes uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: bytes, Max: ^uint64(0)}
	var old syscall.Rlimit
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, 0, uintptr(unsafe.Pointer(&old)), 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	limit.Cur, limit.Max = min(bytes, old.Max), old.Max
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
}

// TestStartsRefused: what is in the way of a start is said, with where and what to do.
func TestStartsRefused(t *testing.T) {
	t.Parallel()
	inStore := func(name, text string) func(*testing.T, string) string {
		return func(t *testing.T, dir string) string {
			t.Helper()
			if err := errors.Join(os.MkdirAll(filepath.Join(dir, "zancudo"), 0o700), os.WriteFile(filepath.Join(dir, "zancudo", name), []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, dir string) string // the persistence_location
		want    string
	}{
		{"a file in its place", func(t *testing.T, dir string) string {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "zancudo"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "it is a file, not a directory; choose another persistence_location"},
		{"a file above it", func(t *testing.T, dir string) string {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, "file")
		}, "a part of that path is a file, not a directory; choose another persistence_location"},
		{"things of others", inStore("photo.jpg", ""), "the directory holds other things (photo.jpg); choose an empty directory"},
		{"a later format", inStore("zancudo-store", "zancudo store\nformat 99\n"), "it has format 99, and this version knows formats up to 1; use the version that wrote it, or a later one"},
		{"nothing left", inStore("zancudo-store", "zancudo store\nformat 1\n"), "nothing is left to read in"},
		{"read-only", func(t *testing.T, _ string) string {
			t.Helper()
			return smallDisk(t, "size=1m,ro")
		}, "the file system is read-only; mount it for writing or choose another persistence_location"},
		{"no space", func(t *testing.T, _ string) string {
			t.Helper()
			dir := smallDisk(t, "size=64k")
			fill(t, filepath.Join(dir, "ballast"))
			return dir
		}, "no space is left; free some and start again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := tt.prepare(t, t.TempDir())
			status, _, stderr := run(t, zancudo, "-c", open(t, proctest.FreePort(t), "persistence true", "persistence_location "+dir))
			at := strings.LastIndex(stderr, "\nError: ")
			if status != 1 || at < 0 || !strings.Contains(stderr[at:], dir) || !strings.Contains(stderr[at:], tt.want) {
				t.Errorf("status %d, want %s in\n%s", status, tt.want, stderr)
			}
		})
	}
}

// TestStartsDamaged: what is damaged is put aside and told of, and the rest is served.
func TestStartsDamaged(t *testing.T) {
	t.Parallel()
	b := newTroubled(t, t.TempDir())
	for range 20 {
		if code := b.publish(1000); code.Failed() {
			t.Fatal(code)
		}
	}
	b.broker.signal(syscall.SIGKILL)
	<-b.broker.ended
	logs, err := filepath.Glob(filepath.Join(b.dir, "zancudo", "facts", "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log, %v", err)
	}
	name := logs[len(logs)-1]
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/3] ^= 1
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.broker = broker(t, "-c", b.file)
	b.broker.wait(&b.broker.stderr, "Error: The store was damaged (")
	b.enter()
	b.watch.SendText("SUBSCRIBE 1 $SYS/broker/store/damaged")
	b.says("$SYS/broker/store/damaged", "1")
	report, err := filepath.Glob(filepath.Join(b.dir, "zancudo", "quarantine", "*", "report.txt"))
	if err != nil || len(report) != 1 {
		t.Errorf("reports: %v, %v", report, err)
	}
	sub := client(t, b.port, packet.V311)
	sub.SendText("CONNECT id=absent")
	sub.Expect("CONNACK present")
	if p, ok := sub.Read().(*packet.Publish); !ok || p.Topic != "a" {
		t.Errorf("came %v", p)
	}
	if code := b.publish(10); code.Failed() {
		t.Error(code)
	}
}
