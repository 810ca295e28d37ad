package psk

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// needProgram skips a test that drives a program which is not installed.
func needProgram(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			t.Fatalf("%v: install Debian's %s", err, debian)
		}
		t.Skipf("%v: install Debian's %s to try TLS-PSK with it", err, debian)
	}
}

// background starts a program that ends with the test.
func background(t *testing.T, cmd *exec.Cmd) *proctest.Output {
	t.Helper()
	out := &proctest.Output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, out)
		}
	})
	return out
}

// dialPatiently dials a program that has just been started.
func dialPatiently(t *testing.T, port string) net.Conn {
	t.Helper()
	giveUp := time.Now().Add(time.Minute)
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			return conn
		}
		if time.Now().After(giveUp) {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// opensslSuites are those that OpenSSL has too.
func opensslSuites() []Suite {
	return slices.DeleteFunc(Suites(), func(s Suite) bool {
		return s == ECDHEPSKWithAES128GCMSHA256 || s == ECDHEPSKWithAES256GCMSHA384
	})
}

func opensslArgs(key []byte, identity string, more ...string) []string {
	return append([]string{"-psk", hex.EncodeToString(key), "-psk_identity", identity, "-tls1_2"}, more...)
}

// TestClientWithOpenSSL takes our client to s_server, which sends back lines
// from right to left, with every suite.
func TestClientWithOpenSSL(t *testing.T) {
	t.Parallel()
	needProgram(t, "openssl", "openssl")
	type variant struct {
		suite Suite
		more  []string
		state State
	}
	var variants []variant
	for _, id := range opensslSuites() {
		row, _ := findSuite(id)
		state := State{Suite: id, Identity: testIdentity, ExtendedMasterSecret: true, EncryptThenMAC: row.mode == cbc, MaxRecordBytes: maxPlain}
		variants = append(variants, variant{id, nil, state})
		if row.mode == cbc {
			state.EncryptThenMAC = false
			variants = append(variants, variant{id, []string{"-no_etm"}, state})
		}
		if row.ecdhe {
			state.Hint = "which pump?"
			variants = append(variants, variant{id, []string{"-no_etm", "-psk_hint", state.Hint, "-groups", "P-384"}, state})
		}
	}
	for _, v := range variants {
		t.Run(fmt.Sprint(v.suite, v.more), func(t *testing.T) {
			port := proctest.FreePort(t)
			args := opensslArgs(testKey(), testIdentity, "-nocert", "-rev", "-naccept", "1", "-accept", "127.0.0.1:"+port, "-cipher", v.suite.String()+":@SECLEVEL=0")
			background(t, exec.CommandContext(t.Context(), "openssl", append(append([]string{"s_server"}, args...), v.more...)...))
			client := Client(dialPatiently(t, port), clientConfig())
			defer client.Close()
			lines := bufio.NewReader(client)
			for _, line := range []string{"desserts", strings.Repeat("ab", 7000)} {
				if _, err := io.WriteString(client, line+"\n"); err != nil {
					t.Fatal(err)
				}
				got, err := lines.ReadString('\n')
				want := []byte(line)
				slices.Reverse(want)
				if err != nil || got != string(want)+"\n" {
					t.Fatalf("%v, got %d bytes of the wrong line", err, len(got))
				}
			}
			if got := client.State(); got != v.state {
				t.Errorf("got  %+v\nwant %+v", got, v.state)
			}
		})
	}
}

// TestServerWithOpenSSL takes s_client to our server with every suite.
func TestServerWithOpenSSL(t *testing.T) {
	t.Parallel()
	needProgram(t, "openssl", "openssl")
	for _, id := range opensslSuites() {
		row, _ := findSuite(id)
		variants := [][]string{nil, {"-maxfraglen", "512"}}
		if row.mode == cbc {
			variants = append(variants, []string{"-no_etm"})
		}
		if row.ecdhe {
			variants = append(variants, []string{"-groups", "P-521:P-256"}, []string{"-groups", "P-384"})
		}
		for _, more := range variants {
			t.Run(fmt.Sprint(id, more), func(t *testing.T) {
				answer, state, err := opensslClient(t, serverConfig(), opensslArgs(testKey(), testIdentity,
					append([]string{"-cipher", id.String() + ":@SECLEVEL=0"}, more...)...))
				if err != nil || answer != strings.Repeat("stressed ", 500) {
					t.Fatalf("%v; got %d bytes", err, len(answer))
				}
				want := State{
					Suite: id, Identity: testIdentity, ExtendedMasterSecret: true,
					EncryptThenMAC: row.mode == cbc && !slices.Contains(more, "-no_etm"), MaxRecordBytes: maxPlain,
				}
				if slices.Contains(more, "-maxfraglen") {
					want.MaxRecordBytes = 512
				}
				if state != want {
					t.Errorf("got  %+v\nwant %+v", state, want)
				}
			})
		}
	}
}

// opensslClient serves one s_client, sends it a few kilobytes when it has said
// hello, and returns what s_client printed of it.
func opensslClient(t *testing.T, config Config, args []string) (answer string, state State, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.CommandContext(t.Context(), "openssl", append([]string{"s_client", "-quiet", "-connect", l.Addr().String()}, args...)...)
	cmd.Stdin = strings.NewReader("hello\n")
	var stderr proctest.Output
	cmd.Stderr = &stderr
	served := make(chan error, 1)
	go func() {
		served <- func() error {
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			server := Server(conn, config)
			defer server.Close()
			line, err := bufio.NewReader(server).ReadString('\n')
			if err != nil {
				return err
			}
			if line != "hello\n" {
				return fmt.Errorf("got %q", line)
			}
			state = server.State()
			_, err = io.WriteString(server, strings.Repeat("stressed ", 500))
			return err
		}()
	}()
	out, err := cmd.Output()
	if servedErr := <-served; servedErr != nil {
		return string(out), state, fmt.Errorf("%w; s_client said: %s", servedErr, stderr.String())
	}
	if err != nil {
		t.Logf("s_client: %v: %s", err, stderr.String())
	}
	return string(out), state, nil
}

// TestOpenSSLIsRefused: what OpenSSL is told, and what our log says.
func TestOpenSSLIsRefused(t *testing.T) {
	t.Parallel()
	needProgram(t, "openssl", "openssl")
	for _, test := range []struct {
		name string
		args []string
		want Alert
		text string
	}{
		{"wrong key", opensslArgs([]byte("wrong"), testIdentity), DecryptError, "the client has another key"},
		{"unknown identity", opensslArgs(testKey(), "nobody"), DecryptError, "is not known: a stranger"},
		{"TLS 1.3 only", []string{"-tls1_3"}, ProtocolVersion, "does not offer TLS 1.2"},
		{"TLS 1.1", []string{"-psk", "00", "-tls1_1", "-cipher", "PSK:@SECLEVEL=0"}, ProtocolVersion, "the client offers version 0x0302, want TLS 1.2"},
		{"expects a certificate", []string{"-tls1_2"}, HandshakeFailure, "it expects a certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := opensslClient(t, serverConfig(), test.args)
			var alert Alert
			if !errors.As(err, &alert) || alert != test.want || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v and %q", err, test.want, test.text)
			}
		})
	}
}

// TestOpenSSLRefusesUs: the sentences for a server's refusals.
func TestOpenSSLRefusesUs(t *testing.T) {
	t.Parallel()
	needProgram(t, "openssl", "openssl")
	for _, test := range []struct {
		name string
		args []string
		text string
	}{
		{"wrong key", opensslArgs([]byte("another"), testIdentity, "-nocert"), "it has another key, or does not know the identity"},
		{"TLS 1.3 only", []string{"-psk", "00", "-tls1_3", "-nocert"}, "the server does not speak TLS 1.2"},
		{"no suite in common", opensslArgs(testKey(), testIdentity, "-nocert", "-cipher", "DHE-PSK-AES128-CBC-SHA"), "no cipher suite in common"},
	} {
		t.Run(test.name, func(t *testing.T) {
			port := proctest.FreePort(t)
			args := append([]string{"s_server", "-rev", "-accept", "127.0.0.1:" + port}, test.args...)
			background(t, exec.CommandContext(t.Context(), "openssl", args...))
			client := Client(dialPatiently(t, port), clientConfig())
			defer client.Close()
			if err := client.Handshake(); !strings.Contains(fmt.Sprint(err), test.text) {
				t.Errorf("got %v, want %q", err, test.text)
			}
		})
	}
}

// TestOpenSSLRenegotiates: s_client wants another handshake and is told that there is none.
func TestOpenSSLRenegotiates(t *testing.T) {
	t.Parallel()
	needProgram(t, "openssl", "openssl")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.CommandContext(t.Context(), "openssl", append([]string{"s_client", "-connect", l.Addr().String()}, opensslArgs(testKey(), testIdentity)...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := background(t, cmd)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	server := Server(conn, serverConfig())
	defer server.Close()
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(stdin, "R\n") // s_client's word for it
	if _, err := server.Read(make([]byte, 100)); err == nil {
		t.Error("the client got through with another handshake")
	}
	if !strings.Contains(waitFor(out, "no renegotiation"), "no renegotiation") {
		t.Errorf("s_client said %q", out)
	}
}

// waitFor waits a while for a text in a program's output, and returns the output.
func waitFor(out *proctest.Output, text string) string {
	giveUp := time.Now().Add(time.Minute)
	for !strings.Contains(out.String(), text) && time.Now().Before(giveUp) {
		<-time.After(20 * time.Millisecond)
	}
	return out.String()
}
