package cli

import (
	"archive/zip"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/pki"
)

var updateCerts = flag.Bool("update-certs", false, "write what certs and init say to testdata/certs")

// workshop runs commands on an authority of its own.
type workshop struct {
	*testing.T
	dir string
}

// run runs a command line, of which DIR is the workshop's directory.
func (w *workshop) run(line, stdin string) (status int, stdout, stderr string) {
	w.Helper()
	args := strings.Fields(line)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", w.dir)
	}
	var out, errs bytes.Buffer
	status = Main(w.Context(), args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

func (w *workshop) must(line string) string {
	w.Helper()
	status, stdout, stderr := w.run(line, "")
	if status != 0 || stderr != "" {
		w.Fatalf("%s: status %d\n%s%s", line, status, stdout, stderr)
	}
	return stdout
}

// maskCerts takes away what is another each time, or on another machine.
func (w *workshop) mask(s string) string {
	w.Helper()
	s = strings.ReplaceAll(s, w.dir, "DIR")
	for _, mask := range []struct{ pattern, by string }{
		{`\b[0-9a-f]{32}\b`, "SERIAL"},
		{`([0-9A-F]{2}:){31}[0-9A-F]{2}`, "SUM"},
		{`Zancudo CA [0-9A-F]{6} of \S+?(,|\n|$)`, "Zancudo CA$1"},
		{`\d{4}-\d\d-\d\d`, "DATE"},
		{`\b[a-z2-7]{5}(-[a-z2-7]{5}){3,4}\b`, "PASSWORD"},
		{`(It is for|for names +|Certificate of) ((new|broker).example, )?.*`, "$1 ${2}NAMES"},
		{`\d+ days left`, "N days left"},
	} {
		s = regexp.MustCompile(mask.pattern).ReplaceAllString(s, mask.by)
	}
	return s
}

// golden compares with a file of testdata/certs.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "certs", name+".txt")
	if *updateCerts {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if diff := cmp.Diff(string(want), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// TestCerts goes through the life of an authority; what is said is in
// testdata/certs/certs.txt.
func TestCerts(t *testing.T) {
	t.Parallel()
	w := &workshop{t, t.TempDir()}
	var got strings.Builder
	for _, line := range []string{
		"client pump", "show", "init --name broker.example", "init", "client pump", "client pump", "client phone -f zip -o DIR/phone.zip",
		"export pump -f p12 -o DIR/pump.p12", "export pump -f p12 -o DIR/pump.p12", "export ca -f header -o DIR/ca.h", "export ca -f pem -o DIR/copy.crt",
		"server web --only-names --name new.example --rsa", "server", "renew server --new-key --name new.example", "renew", "revoke phone", "revoke phone", "show",
		"show server", "show DIR/pki/ca.crl ca", "show DIR/phone.zip", "show nothing", "revoke nobody", "export phone", "renew nobody",
	} {
		status, stdout, stderr := w.run("zancudo certs "+line+" -d DIR/pki", "")
		got.WriteString("$ zancudo certs " + line + "\n" + stdout + stderr)
		if status != 0 {
			got.WriteString("=> " + string(rune('0'+status)) + "\n")
		}
		got.WriteString("\n")
	}
	golden(t, "certs", w.mask(got.String()))
}

// TestCertsWork: what was handed out is what clients and servers take.
func TestCertsWork(t *testing.T) {
	t.Parallel()
	w := &workshop{t, t.TempDir()}
	w.must("zancudo certs init -d DIR/pki")
	w.must("zancudo certs client pump -d DIR/pki -f pem -o DIR/pump.pem")
	w.must("zancudo certs server web -d DIR/pki --only-names -n web.example --days 10")
	pair, err := tls.LoadX509KeyPair(filepath.Join(w.dir, "pump.pem"), filepath.Join(w.dir, "pump.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(w.dir, "pki", "ca.crt"))
	if err != nil || !roots.AppendCertsFromPEM(ca) {
		t.Fatal(err)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil || pair.Leaf.Subject.CommonName != "pump" {
		t.Errorf("%v, %v", pair.Leaf.Subject, err)
	}
	var shown struct{ Certificates []struct{ Names []string } }
	if err := json.Unmarshal([]byte(w.must("zancudo certs show web --json -d DIR/pki")), &shown); err != nil || len(shown.Certificates) != 1 || !slices.Equal(shown.Certificates[0].Names, []string{"web.example"}) {
		t.Errorf("%v, %v", shown, err)
	}
	var all struct {
		CanSign bool `json:"can_sign"`
		Issued  []struct {
			Name, State, CertFile string
		}
	}
	if err := json.Unmarshal([]byte(w.must("zancudo certs show --json -d DIR/pki")), &all); err != nil || len(all.Issued) != 3 || !all.CanSign || all.Issued[2].State != "ends soon" && all.Issued[2].State != "valid" {
		t.Errorf("%+v, %v", all, err)
	}
	if info, err := os.Stat(filepath.Join(w.dir, "pump.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the key has mode %v, %v", info.Mode(), err)
	}
}

// TestCertsPasswords: a password that is given is used and not shown, and the
// one that is shown opens the file.
func TestCertsPasswords(t *testing.T) {
	t.Parallel()
	w := &workshop{t, t.TempDir()}
	w.must("zancudo certs init -d DIR/pki")
	w.must("zancudo certs client pump -d DIR/pki")
	opens := func(file, password string) {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(w.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".zip") {
			z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
			if err != nil {
				t.Fatal(err)
			}
			f, err := z.Open("pump.p12")
			if err != nil {
				t.Fatal(err)
			}
			if raw, err = io.ReadAll(f); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := pki.Unlock(raw, password); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := pki.Unlock(raw, password+"x"); err == nil {
			t.Errorf("%s: any password will do", file)
		}
	}
	status, stdout, stderr := w.run("zancudo certs export pump -d DIR/pki -f p12 -o DIR/a.p12 --password-file -", "opensesame\n")
	if status != 0 || strings.Contains(stdout, "opensesame") || strings.Contains(stdout, "Password:") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	opens("a.p12", "opensesame")
	shown := regexp.MustCompile(`Password: (\S+)`)
	for _, file := range []string{"b.p12", "b.zip"} {
		said := shown.FindStringSubmatch(w.must("zancudo certs export pump -d DIR/pki -o DIR/" + file + " -f " + file[2:]))
		if said == nil {
			t.Fatalf("%s: no password is shown", file)
		}
		opens(file, said[1])
	}
	for _, line := range []string{"-f p12 -o -", "-f p12 --password-file DIR/nowhere", "-f zip --password-file -"} {
		if status, stdout, _ := w.run("zancudo certs export pump -d DIR/pki "+line, "\n"); status != statusError || stdout != "" {
			t.Errorf("%s: status %d\n%s", line, status, stdout)
		}
	}
}

func TestCertsCommandLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                            "No command given.",
		"int":                         "Invalid command 'int'; it takes init, client",
		"client":                      "No name given: 'zancudo certs client NAME'.",
		"client a b":                  "Unexpected argument 'b'.",
		"client a/b":                  `The name "a/b" has one of the characters`,
		"revoke pump --rsa":           "--rsa means nothing to 'certs revoke', only to init, client, server.",
		"renew --new-key":             "No name given",
		"server --only-names":         "--only-names needs --name.",
		"client pump -o x":            "--output needs --format.",
		"client pump -f jks":          "jks",
		"init --days 0":               "--days",
		"export pump --port 0 -f zip": "--port",
	} {
		w := &workshop{t, t.TempDir()}
		if status, _, stderr := w.run("zancudo certs "+line+" -d DIR", ""); status != usageStatus || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q, want %q", line, status, stderr, want)
		}
	}
}

func TestGenerated(t *testing.T) {
	t.Parallel()
	a, b := generated(4), generated(5)
	if !regexp.MustCompile(`^[a-z2-7]{5}(-[a-z2-7]{5}){3}$`).MatchString(a) || len(b) != 29 || strings.HasPrefix(b, a) {
		t.Errorf("%q, %q", a, b)
	}
}

func TestQuoted(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"a/b": "a/b", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'"} {
		if got := quoted(word); got != want {
			t.Errorf("%q: %s", word, got)
		}
	}
}
