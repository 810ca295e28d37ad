package daemon

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
)

// What may not be read is told with its mode, its owner and who asked.
func TestReason(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "a.conf")
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	uid := "uid " + strconv.Itoa(os.Geteuid())
	for name, want := range map[string]string{
		file:                         "This process may not read it: " + file + " has mode 0640 and belongs to ",
		filepath.Join(dir, "b", "c"): "This process may not read it: " + dir + " has mode 0700 and belongs to ",
	} {
		got := reason(name, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}).Error()
		if !strings.HasPrefix(got, want) || strings.Count(got, uid) != 2 || !strings.HasSuffix(got, ". Change its mode or owner.") {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestLoadIncludes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.conf": "include_dir " + filepath.Join(dir, "d") + "\n", "d/b.conf": "max_keepalive 2\n", "d/a.conf": "max_keepalive 1\nmax_qos 1\n", "d/c.txt": "rubbish\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "main.conf"), []string{"ZANCUDO_MAX_INFLIGHT_MESSAGES=7"})
	if err != nil || c.MaxKeepAlive != 2 || c.Listeners[0].MaxQoS != 1 || c.MaxInflightMessages != 7 {
		t.Errorf("got %+v, %v", c, err)
	}
	var problems config.Problems
	file := filepath.Join(dir, "other.conf")
	if err := os.WriteFile(file, []byte("include_dir /nonexistent\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, nil); !errors.As(err, &problems) ||
		problems[0].Sentence() != file+":1: Unable to open include_dir '/nonexistent'. There is no such file or directory: check the name." {
		t.Errorf("got %v", err)
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	old, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key  crypto.Signer
		left time.Duration
		want config.CertificateFact
	}{
		{old, -time.Hour, config.CertificateFact{Expired: true, Soon: true, Weak: "a key of 1024 bits"}},
		{good, 24 * time.Hour, config.CertificateFact{Soon: true}},
		{good, 365 * 24 * time.Hour, config.CertificateFact{}},
	} {
		end := time.Now().Add(tt.left)
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: end}
		der, err := x509.CreateCertificate(rand.Reader, template, template, tt.key.Public(), tt.key)
		if err != nil {
			t.Fatal(err)
		}
		text := append(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS"}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		file := filepath.Join(t.TempDir(), "cert.pem")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		tt.want.Until = end.UTC().Format(time.DateOnly)
		if got, ok := certificate(file); !ok || got != tt.want {
			t.Errorf("got %+v, %v, want %+v", got, ok, tt.want)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(none, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := certificate(none); ok {
		t.Error("found a certificate in nothing")
	}
}

func TestDiagnose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "a.conf")
	if err := os.WriteFile(file, []byte("allow_anonymous true\nlistener 8883 127.0.0.1\ncertfile "+dir+"/none\nkeyfile "+key+"\nmax_packet_size 0x10000\nmax_packet_size 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems := Diagnose(file, nil)
	if len(problems) == 0 || problems[len(problems)-1].Line != 6 {
		t.Errorf("got %v", problems)
	}
	if err := os.WriteFile(file, []byte("allow_anonymous true\nlistener 8883 127.0.0.1\ncertfile "+dir+"/none\nkeyfile "+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems = Diagnose(file, nil)
	var found []string
	for _, p := range problems {
		if p.Class != config.Refusal {
			found = append(found, p.Word+" "+p.Class.String())
		}
	}
	if got, want := strings.Join(found, ", "), "certfile error, keyfile insecure"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStateDir(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		environ string
		uid     int
		want    string
	}{
		{"HOME=/home/me", 1000, "/home/me/.local/state/zancudo"},
		{"HOME=/home/me XDG_STATE_HOME=/x", 1000, "/x/zancudo"},
		{"HOME=/home/me XDG_STATE_HOME=x", 1000, "/home/me/.local/state/zancudo"}, // the standard passes over what is no whole path
		{"HOME=/home/me XDG_STATE_HOME=/x STATE_DIRECTORY=/var/lib/one:/var/lib/two", 1000, "/var/lib/one"},
		{"HOME=/root", 0, "/var/lib/zancudo"},
		{"HOME=/root XDG_STATE_HOME=/x", 0, "/x/zancudo"},
		{"", 1000, ""},
	} {
		if got := StateDir(strings.Fields(tt.environ), tt.uid); got != tt.want {
			t.Errorf("%s, user %d: got %s, want %s", tt.environ, tt.uid, got, tt.want)
		}
	}
}
