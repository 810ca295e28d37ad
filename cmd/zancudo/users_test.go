//go:build unix

package main_test

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// TestUsersOfMosquittosTools has files that Mosquitto's program and ours have
// written, in all forms, and Mosquitto's clients with right and wrong passwords.
func TestUsersOfMosquittosTools(t *testing.T) {
	t.Parallel()
	need(t, "mosquitto_passwd", "mosquitto")
	need(t, "mosquitto_pub", "mosquitto-clients")
	file := filepath.Join(t.TempDir(), "passwd")
	must := func(name string, args ...string) {
		t.Helper()
		if status, stdout, stderr := run(t, name, args...); status != 0 {
			t.Fatalf("%s %v: status %d, %s%s", name, args, status, stdout, stderr)
		}
	}
	if err := os.WriteFile(file, []byte("plain:secret of plain\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must("mosquitto_passwd", "-U", file)
	must("mosquitto_passwd", "-b", file, "pbkdf2", "secret of pbkdf2")
	must("mosquitto_passwd", "-b", "-H", "sha512", file, "sha512", "secret of sha512")
	for _, hash := range []string{"argon2id", "scram-sha-256", "sha512-pbkdf2", "sha512"} {
		must(zancudo, "passwd", "-b", "-H", hash, file, "our "+hash, "secret of our "+hash)
	}
	port := proctest.FreePort(t)
	b := broker(t, "-c", write(t, "listener "+port+" 127.0.0.1\npassword_file "+file+"\n"))
	pub := func(args ...string) (int, string) {
		t.Helper()
		status, _, stderr := run(t, "mosquitto_pub", append([]string{"-p", port, "-t", "a", "-m", "b"}, args...)...)
		return status, stderr
	}
	for _, user := range []string{"plain", "pbkdf2", "sha512", "our argon2id", "our scram-sha-256", "our sha512-pbkdf2", "our sha512"} {
		if status, stderr := pub("-u", user, "-P", "secret of "+user); status != 0 {
			t.Errorf("%s: status %d, %s", user, status, stderr)
		}
		if status, stderr := pub("-u", user, "-P", "secret"); status != 5 || stderr != "Connection error: Connection Refused: not authorised.\nError: The connection was refused.\n" {
			t.Errorf("%s with a wrong password: status %d, %q", user, status, stderr)
		}
	}
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stderr string
	}{
		{"nobody", []string{"-u", "nobody", "-P", "secret of plain"}, 5, "Connection error: Connection Refused: not authorised.\n"},
		{"no name", nil, 5, "Connection error: Connection Refused: not authorised.\n"},
		{"no password", []string{"-u", "plain"}, 5, "Connection error: Connection Refused: not authorised.\n"},
		{"MQTT 5", []string{"-V", "5", "-u", "plain", "-P", "secret"}, 135, "Connection error: Not authorized"},
		{"MQTT 5, right", []string{"-V", "5", "-u", "plain", "-P", "secret of plain"}, 0, ""},
		{"MQTT 3.1", []string{"-V", "31", "-u", "plain", "-P", "secret"}, 5, "Connection error: Connection Refused: not authorised.\n"},
	} {
		if status, stderr := pub(test.args...); status != test.status || !strings.HasPrefix(stderr, test.stderr) {
			t.Errorf("%s: status %d, %q, want %d, %q", test.name, status, stderr, test.status, test.stderr)
		}
	}
	b.wait(&b.stderr, "] disconnected: not authorised.\n") // what programs look for that ban addresses
}

// TestSlowedLoginsAtTheTerminal has somebody guess, who is then shown and let in.
func TestSlowedLoginsAtTheTerminal(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), proctest.FreePort(t)
	users := filepath.Join(dir, "passwd")
	if status, _, stderr := run(t, zancudo, "passwd", "-b", "-c", users, "ann", "secret"); status != 0 {
		t.Fatal(stderr)
	}
	b := startCommand(t, inRunDir(dir, zancudo, "-c", write(t, "listener "+port+" 127.0.0.1\npassword_file "+users+"\n")))
	b.wait(&b.stderr, " running\n")
	logins := func(args ...string) string {
		t.Helper()
		p := startCommand(t, inRunDir(dir, zancudo, append([]string{"logins"}, args...)...))
		if status := p.status(); status != 0 {
			t.Fatalf("logins %v: status %d, %s", args, status, &p.stderr)
		}
		return p.stdout.String()
	}
	if got := logins(); got != "nobody has to wait\n" {
		t.Errorf("got %q", got)
	}
	guess := func() {
		t.Helper()
		if status, _, stderr := run(t, zancudo, "pub", "-p", port, "-u", "ann", "-P", "guess", "-t", "a", "-m", "b"); status != 5 {
			t.Fatalf("status %d, %s", status, stderr)
		}
	}
	for range 8 {
		guess()
	}
	// The next one has to wait for five seconds, as long as anybody on this machine.
	const shown = "address    user   failures  waits for\n127.0.0.1  \"ann\"  "
	for tries := 0; !strings.HasPrefix(logins(), shown); tries++ {
		if tries == 5 {
			t.Fatalf("got %q", logins())
		}
		guess() // a slow machine has let the time pass
	}
	b.wait(&b.stderr, "Warning: Logins slowed down: 8 failed logins from 127.0.0.1:")
	if got := logins("--json", "--lift", "192.0.2.1"); !strings.HasPrefix(got, `{"slowed":[`) || !strings.HasSuffix(got, `"lifted":0}`+"\n") {
		t.Errorf("got %q", got)
	}
	if got := logins("--lift", "127.0.0.1"); !strings.HasSuffix(got, "lifted\nnobody has to wait\n") {
		t.Errorf("got %q", got)
	}
	began := time.Now()
	if status, _, stderr := run(t, zancudo, "pub", "-p", port, "-u", "ann", "-P", "secret", "-t", "a", "-m", "b"); status != 0 {
		t.Errorf("status %d, %s", status, stderr)
	}
	if took := time.Since(began); took > 4*time.Second && !race {
		t.Errorf("it took %v", took)
	}
}

// staff are connected clients of a few users.
type staff struct {
	conns   []net.Conn
	gone    []chan struct{} // closed when the client is disconnected
	running sync.WaitGroup
}

// TestReloadUsersUnderACrowd reloads users while a thousand clients are
// connected: those of a user who was removed, or whose password was changed, are
// disconnected, and nobody else.
func TestReloadUsersUnderACrowd(t *testing.T) {
	t.Parallel()
	const clients, users = 1000, 10
	dir, port := t.TempDir(), proctest.FreePort(t)
	file := filepath.Join(dir, "passwd")
	passwd := func(args ...string) {
		t.Helper()
		if status, _, stderr := run(t, zancudo, append([]string{"passwd"}, args...)...); status != 0 {
			t.Fatal(stderr)
		}
	}
	for i := range users {
		args := []string{"-b", "-I", "1", file, "u" + strconv.Itoa(i), "secret" + strconv.Itoa(i)}
		if i == 0 {
			args = append([]string{"-c"}, args...)
		}
		passwd(args...)
	}
	b := startCommand(t, inRunDir(dir, zancudo, "-c", write(t, "listener "+port+" 127.0.0.1\nconnection_messages false\npassword_file "+file+"\n")))
	b.wait(&b.stderr, " running\n")
	s := &staff{}
	defer s.running.Wait()
	defer func() {
		for _, conn := range s.conns {
			conn.Close()
		}
	}()
	for i := range clients {
		s.join(t, port, i, users)
	}
	reload := func(want ...string) {
		t.Helper()
		p := startCommand(t, inRunDir(dir, zancudo, "reload"))
		if status := p.status(); status != 0 || p.stdout.String() != strings.Join(want, "\n")+"\n" {
			t.Errorf("status %d, printed %s%s", status, &p.stdout, &p.stderr)
		}
	}
	reload("nothing has changed")
	s.expect(t)
	for i := range 5 {
		passwd("-b", "-I", "1", file, "new"+strconv.Itoa(i), "x")
	}
	passwd("-D", file, "u3")
	passwd("-b", "-I", "1", file, "u7", "another")
	reload("~users of "+file+": 5 added, 1 removed, 1 with another password", "-200 clients, who may not be connected any more")
	s.expect(t, 3, 7)
	if status, _, stderr := run(t, zancudo, "pub", "-p", port, "-u", "new4", "-P", "x", "-t", "a", "-m", "b"); status != 0 {
		t.Errorf("a new user: status %d, %s", status, stderr)
	}
}

// join connects a client of the user i modulo users, and waits for its end.
func (s *staff) join(t *testing.T, port string, i, users int) {
	t.Helper()
	conn := dial(t, "127.0.0.1", port)
	s.conns = append(s.conns, conn)
	hello, _ := (&packet.Connect{
		Version: packet.V311, ClientID: "c" + strconv.Itoa(i), CleanStart: true,
		HasUsername: true, Username: "u" + strconv.Itoa(i%users), HasPassword: true, Password: []byte("secret" + strconv.Itoa(i%users)),
	}).Append(nil, packet.V311)
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	r := packet.NewReader(bufio.NewReaderSize(conn, 64), packet.V311)
	p, err := r.Next()
	if ack, ok := p.(*packet.Connack); err != nil || !ok || ack.ReasonCode != packet.Success {
		t.Fatalf("client %d: %v, %v", i, p, err)
	}
	gone := make(chan struct{})
	s.gone = append(s.gone, gone)
	s.running.Go(func() {
		_, _ = r.Next() // nothing comes but the end
		close(gone)
	})
}

// expect waits until all clients of the users are gone, and checks that no others
// are.
func (s *staff) expect(t *testing.T, users ...int) {
	t.Helper()
	wanted := map[int]bool{}
	for _, u := range users {
		wanted[u] = true
	}
	deadline := time.After(patience)
	var lost []string
	for i, gone := range s.gone {
		if wanted[i%10] {
			select {
			case <-gone:
			case <-deadline:
				t.Fatalf("client %d is still connected", i)
			}
			continue
		}
		select {
		case <-gone:
			lost = append(lost, strconv.Itoa(i))
		default:
		}
	}
	if len(lost) > 0 {
		t.Errorf("clients %s have been disconnected", strings.Join(lost, " "))
	}
}
