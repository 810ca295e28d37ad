package psk

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// buildMbedTLS builds the device of testdata.
func buildMbedTLS(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "device")
	out, err := exec.CommandContext(t.Context(), "gcc", "-o", program, filepath.Join("testdata", "mbedtls.c"), "-lmbedtls", "-lmbedx509", "-lmbedcrypto").CombinedOutput()
	if err == nil {
		return program
	}
	const say = "build a device with Mbed TLS: %v: install Debian's gcc, libc6-dev and libmbedtls-dev\n%s"
	if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
		t.Fatalf(say, err, out)
	}
	t.Skipf(say, err, out)
	return ""
}

// TestServerWithMbedTLS takes the TLS of small devices to our server: every
// suite that it has, short records, and devices from before encrypt-then-MAC and
// the extended master secret.
func TestServerWithMbedTLS(t *testing.T) {
	t.Parallel()
	device := buildMbedTLS(t)
	for _, id := range append(opensslSuites(), 0) {
		for _, fragment := range []string{"0", "1"} {
			for _, age := range []string{"new", "old"} {
				t.Run(fmt.Sprint(id, " ", fragment, " ", age), func(t *testing.T) {
					t.Parallel()
					row, _ := findSuite(id)
					name := mbedTLSName(id)
					want := State{Suite: id, Identity: testIdentity, ExtendedMasterSecret: age == "new", MaxRecordBytes: maxPlain}
					if id == 0 {
						name, want.Suite = "all", PSKWithAES128GCMSHA256
					}
					want.EncryptThenMAC = row.mode == cbc && age == "new"
					if fragment == "1" {
						want.MaxRecordBytes = 512
					}
					if got := serveDevice(t, device, name, fragment, age); got != want {
						t.Errorf("got  %+v\nwant %+v", got, want)
					}
				})
			}
		}
	}
}

// mbedTLSName is the name of a suite there, as TLS-PSK-WITH-AES-128-CCM-8.
func mbedTLSName(id Suite) string {
	row, _ := findSuite(id)
	name := strings.Replace("TLS-"+row.name, "PSK-", "PSK-WITH-", 1)
	return strings.NewReplacer("AES", "AES-", "CCM8", "CCM-8").Replace(name)
}

// serveDevice serves one device and returns what was agreed on.
func serveDevice(t *testing.T, device string, args ...string) State {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	cmd := exec.CommandContext(t.Context(), device, append([]string{port}, args...)...)
	out := &bytes.Buffer{}
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("the device: %v: %s", err, out)
		}
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	server := Server(conn, Config{Key: func(string) ([]byte, error) { return []byte("secret"), nil }})
	defer server.Close()
	line, err := bufio.NewReader(server).ReadString('\n')
	if err != nil || line != "hello\n" {
		t.Fatalf("%v, got %q", err, line)
	}
	if _, err := io.WriteString(server, strings.Repeat("x", 5000)); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(server); err != nil || len(b) > 0 {
		t.Errorf("at the end: %v, %q", err, b)
	}
	return server.State()
}
