//go:build unix

package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// TestRealConfigurations starts the program with the files of internal/config
// that are written in the manner of distributions, images, add-ons and
// tutorials. Where one asks for what is not supported yet, the program says so
// and ends with status 3.
func TestRealConfigurations(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../../internal/config/testdata/real/*.conf")
	if err != nil || len(names) < 40 {
		t.Fatalf("found %d files, %v", len(names), err)
	}
	c := newCredentials(t)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, name, c)
			status, stdout, stderr := run(t, zancudo, "check", "--json", s.file)
			var report struct {
				OK       bool
				Problems []struct{ Severity, Class, Text, Word string }
			}
			if err := json.Unmarshal([]byte(stdout), &report); err != nil {
				t.Fatalf("check: %v\n%s%s", err, stdout, stderr)
			}
			for _, p := range report.Problems {
				if p.Severity == "error" && p.Class != "unsupported" && !strings.Contains(p.Text, "not supported yet") {
					t.Errorf("%s: %s", p.Word, p.Text)
				}
			}
			if !report.OK {
				if status != 3 {
					t.Errorf("check: status %d", status)
				}
				status, _, stderr := run(t, zancudo, "-c", s.file)
				if status != 3 || !strings.Contains(stderr, "not supported") {
					t.Errorf("status %d\n%s", status, stderr)
				}
				t.Log("asks for what is not supported yet")
				return
			}
			s.start()
		})
	}
}

// TestMosquittoReadsThem shows that the files are what Mosquitto reads: with a
// word behind them that there is not, that word is all it complains of. Words
// that are newer than the Mosquitto that is installed end the comparison.
func TestMosquittoReadsThem(t *testing.T) {
	t.Parallel()
	need(t, "mosquitto", "mosquitto")
	names, err := filepath.Glob("../../internal/config/testdata/real/*.conf")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(string(text)) {
			// What it would open, become or look up while it reads.
			switch word, _, _ := strings.Cut(line, " "); word {
			case "log_dest", "pid_file", "user", "include_dir":
			case "address", "addresses":
				lines = append(lines, "address 127.0.0.1:1\n")
			default:
				lines = append(lines, line)
			}
		}
		file := filepath.Join(t.TempDir(), filepath.Base(name))
		if err := os.WriteFile(file, []byte(strings.Join(lines, "")+"no_such_word 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := run(t, "mosquitto", "-c", file)
		complaint := unknownWord.FindStringSubmatch(stdout + stderr)
		switch {
		case status == 0:
			t.Errorf("%s: status 0", name)
		case complaint != nil && complaint[1] == "no_such_word":
			read++
		case complaint == nil && !strings.Contains(stderr, "(http_api)") && !strings.Contains(stderr, "max_packet_size value (0)"): // 2.0 reads no 0x10
			t.Errorf("%s: %s", name, stderr)
		}
	}
	if read < 25 {
		t.Errorf("it has read %d files to their end", read)
	}
}

var unknownWord = regexp.MustCompile(`Unknown configuration variable ['"]([^'"]*)['"]`)

// A scene is a file of the wild with the paths, ports and addresses of this
// machine, and with the files that it names.
type scene struct {
	credentials
	t         *testing.T
	dir, file string
	ports     []string // of its listeners
	port      string   // for -p
}

func newScene(t *testing.T, name string, c credentials) *scene {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, credentials: c, dir: t.TempDir(), port: proctest.FreePort(t)}
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, s.adapt(strings.TrimRight(line, "\r\n")))
	}
	// Whoever runs the tests stays who it is; what is logged is there to be read.
	lines = append(lines, "user root", "log_dest stderr", "")
	s.file = filepath.Join(s.dir, "test.conf")
	if err := os.WriteFile(s.file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	absolute = regexp.MustCompile(`(^| )/[a-z]\S*`)
	windows  = regexp.MustCompile(`[A-Z]:\\`)
)

// adapt makes a line one for this machine.
func (s *scene) adapt(line string) string {
	s.t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	first, more, _ := strings.Cut(rest, " ")
	switch {
	case strings.HasPrefix(line, "#"):
		return line
	case word == "listener" && first != "0":
		s.ports = append(s.ports, proctest.FreePort(s.t))
		if more != "" {
			more = " 127.0.0.1"
		}
		return "listener " + s.ports[len(s.ports)-1] + more
	case word == "port":
		s.ports = append(s.ports, proctest.FreePort(s.t))
		return "port " + s.ports[len(s.ports)-1]
	case word == "address", word == "addresses":
		return word + " 127.0.0.1:" + proctest.FreePort(s.t)
	case word == "socket_domain":
		return "socket_domain ipv4"
	case word == "bind_address":
		return "bind_address 127.0.0.1"
	case word == "bind_interface":
		return "bind_interface lo"
	}
	line = windows.ReplaceAllString(line, s.dir+"/")
	line = absolute.ReplaceAllStringFunc(line, func(path string) string {
		blank := strings.Repeat(" ", len(path)-len(strings.TrimLeft(path, " ")))
		return blank + s.dir + strings.TrimLeft(path, " ")
	})
	if i := strings.Index(line, s.dir); i >= 0 {
		s.provide(word, line[i:])
	}
	return line
}

// provide makes the file that a word names, or the directory it is to be in.
func (s *scene) provide(word, path string) {
	s.t.Helper()
	dir, text := filepath.Dir(path), ""
	switch word {
	case "password_file", "plugin_opt_password_file":
		text = "user:$7$101$v3vUom6pyC4wuwml$9cRILYAC6Cd0p7qyd8KBDPfeCPMnqcamkDkkraPpfcaIy7pR206PskEwMEOjqMa2i0aL9rWKlGvnis6OtB1Kfg==\n"
	case "acl_file", "plugin_opt_acl_file":
		text = "topic readwrite #\n"
	case "psk_file":
		text = "sensor:0123456789abcdef\n"
	case "certfile", "cafile", "bridge_cafile", "bridge_certfile":
		text = s.certificate
	case "keyfile", "bridge_keyfile":
		text = s.key
	case "crlfile":
		text = s.revoked
	case "persistence_location", "http_dir", "include_dir":
		dir = path
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if text != "" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// start starts the program, waits until each port answers, and stops it.
func (s *scene) start() {
	s.t.Helper()
	p := startIn(s.t, s.dir, zancudo, "-c", s.file, "-v", "-p", s.port)
	p.wait(&p.stderr, " running\n")
	if len(s.ports) == 0 && !strings.Contains(p.stderr.String(), "unix") {
		s.ports = []string{s.port}
	}
	for _, port := range s.ports {
		dial(s.t, "localhost", port).Close()
	}
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		s.t.Errorf("status %d", status)
	}
}

// credentials are a certificate that is its own authority, its key, and its
// empty list of revoked ones, all as PEM.
type credentials struct{ certificate, key, revoked string }

func newCredentials(t *testing.T) credentials {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, SubjectKeyId: []byte{1},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &signer.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour),
	}, template, signer)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return credentials{encode("CERTIFICATE", der), encode("PRIVATE KEY", key), encode("X509 CRL", list)}
}
