package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/internal/pki"
	"github.com/zancudomq/zancudo/internal/proctest"
)

// initLine is a command line of init that does the same on every machine.
func initLine(t *testing.T, more string) string {
	t.Helper()
	return "zancudo init DIR/broker --yes --user alice --service-user root --port " + proctest.FreePort(t) + " --tls-port " + proctest.FreePort(t) + " " + more
}

// maskInit takes away what is another on each machine.
func (w *workshop) maskInit(s string) string {
	w.Helper()
	s = regexp.MustCompile(`(?s)\nOn another machine.*?\n\nThen:`).ReplaceAllString(s, "\nOTHERS\n\nThen:")
	s = regexp.MustCompile(`(?m)^user root\n`).ReplaceAllString(s, "") // only where root sets it up
	s = regexp.MustCompile(`\n# Whom the broker becomes when root starts it.\n`).ReplaceAllString(s, "")
	s = regexp.MustCompile(`(-p |listener |localhost:)\d+`).ReplaceAllString(s, "${1}PORT")
	return w.mask(s)
}

func (w *workshop) file(name string) string {
	w.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "broker", name))
	if err != nil {
		w.Fatal(err)
	}
	return string(text)
}

// TestInit: what is said and written is in testdata/certs.
func TestInit(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"init": "", "init-plain": "--plain", "init-certificates": "--client-certificates"} {
		w := &workshop{t, t.TempDir()}
		said := w.must(initLine(t, more))
		golden(t, name, w.maskInit(said+"\n$ cat zancudo.conf\n"+w.file("zancudo.conf")+"\n$ cat acl\n"+w.file("acl")))
		_, problems := daemon.Diagnose(filepath.Join(w.dir, "broker", "zancudo.conf"), nil)
		for _, p := range problems {
			if more == "--plain" && strings.Contains(p.Error(), "cross the network in the clear") {
				continue // that is what was asked for
			}
			t.Errorf("%s: %v", name, p)
		}
		shown := regexp.MustCompile(`Password  (\S+)`).FindStringSubmatch(said)
		f, err := password.Read(filepath.Join(w.dir, "broker", "passwords"), password.Options{})
		if err != nil || shown == nil {
			t.Fatalf("%v\n%s", err, said)
		}
		users, err := f.Users()
		if err != nil || users["alice"] == nil || users["alice"].Scheme() != password.Argon2id || !users["alice"].Verify([]byte(shown[1])) {
			t.Errorf("%s: the password that is shown is not that of alice: %v", name, err)
		}
		for file, mode := range map[string]os.FileMode{"": 0o700, "passwords": 0o600, "acl": 0o600, "pki/server.key": 0o600, "pki/ca.key": 0o600, "ca.crt": 0o644} {
			if info, err := os.Stat(filepath.Join(w.dir, "broker", file)); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %s has mode %v, %v", name, file, info.Mode(), err)
			}
		}
	}
}

// snapshot is what all files hold.
func (w *workshop) snapshot() map[string]string {
	w.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(filepath.Join(w.dir, "broker"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, w.dir)] = string(text)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// TestInitAgain: nothing that exists is changed, whatever is missing is made,
// and with --overwrite the old files are put aside.
func TestInitAgain(t *testing.T) {
	t.Parallel()
	w := &workshop{t, t.TempDir()}
	line := initLine(t, "")
	w.must(line)
	before := w.snapshot()
	said := w.must(line)
	if diff := cmp.Diff(before, w.snapshot()); diff != "" {
		t.Errorf("something has changed:\n%s", diff)
	}
	if strings.Contains(said, "  Password") || !strings.Contains(said, "has the password from before") || strings.Count(said, "kept as") != 4 {
		t.Errorf("the second time it says\n%s", said)
	}
	// The configuration is what counts, not the flags of today.
	if said := w.must(strings.Replace(line, "--tls-port ", "--tls-port 1", 1)[:strings.Index(line, " --port ")]); !strings.Contains(said, "-p "+regexp.MustCompile(`tls-port (\d+)`).FindStringSubmatch(line)[1]) {
		t.Errorf("it names other ports than the configuration:\n%s", said)
	}
	for _, missing := range []string{"passwords", "acl", "zancudo.conf", "ca.crt", "pki/server.crt"} {
		if err := os.Remove(filepath.Join(w.dir, "broker", missing)); err != nil {
			t.Fatal(err)
		}
		w.must(line)
		after := w.snapshot()
		if missing != "passwords" && missing != "pki/server.crt" && after["/broker/"+missing] != before["/broker/"+missing] {
			t.Errorf("%s is not what it was", missing)
		}
		if after["/broker/"+missing] == "" || after["/broker/pki/ca.crt"] != before["/broker/pki/ca.crt"] {
			t.Errorf("%s is missing", missing)
		}
	}
	if said := w.must(line + " --name new.example"); !strings.Contains(said, "gives the broker's certificate other names") {
		t.Errorf("of a name that the certificate has not, it says\n%s", said)
	}
	before = w.snapshot()
	said = w.must(line + " --overwrite")
	after := w.snapshot()
	if after["/broker/passwords.old"] != before["/broker/passwords"] || after["/broker/acl.old"] != before["/broker/acl"] || after["/broker/zancudo.conf.old"] == "" ||
		after["/broker/passwords"] == before["/broker/passwords"] || !strings.Contains(said, "  Password  ") {
		t.Errorf("with --overwrite it says\n%s", said)
	}
	if after["/broker/pki/ca.key"] != before["/broker/pki/ca.key"] {
		t.Error("with --overwrite there is another authority")
	}
}

// TestInitParts: a directory of further words, which a package brings, is read as before.
func TestInitParts(t *testing.T) {
	t.Parallel()
	w := &workshop{t, t.TempDir()}
	parts := filepath.Join(w.dir, "broker", "conf.d")
	if err := os.MkdirAll(parts, 0o700); err != nil {
		t.Fatal(err)
	}
	w.must(initLine(t, ""))
	if conf := w.snapshot()["/broker/zancudo.conf"]; !strings.HasSuffix(conf, "\ninclude_dir "+parts+"\n") {
		t.Errorf("the configuration does not read %s:\n%s", parts, conf)
	}
}

// TestInitGoesOn: what stopped it is said, and it goes on when that is gone.
func TestInitGoesOn(t *testing.T) {
	t.Parallel()
	w := &workshop{t, t.TempDir()}
	line := initLine(t, "")
	if err := os.MkdirAll(filepath.Join(w.dir, "broker", "passwords"), 0o700); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := w.run(line, "")
	if status != statusError || !strings.Contains(stderr, "it is not a file") || !strings.Contains(stderr, "goes on from there") || strings.Contains(stdout, "  Password") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	if err := os.Remove(filepath.Join(w.dir, "broker", "passwords")); err != nil {
		t.Fatal(err)
	}
	if said := w.must(line); !strings.Contains(said, "  Password") {
		t.Errorf("it says\n%s", said)
	}
}

func TestInitCommandLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"DIR --user a:b":                 "must not contain the ':' character.",
		"DIR --user a/b":                 "has one of the characters",
		"DIR --user ca":                  "is the authority's own.",
		"DIR --port 8883":                "--port and --tls-port are both 8883.",
		"DIR --port 0":                   "-p takes a number",
		"DIR other":                      "other",
		"DIR --yes --name http://broker": "neither an address nor a name of a host",
	} {
		w := &workshop{t, filepath.Join(t.TempDir(), "d")}
		if status, _, stderr := w.run("zancudo init "+line, ""); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q, want %q", line, status, stderr, want)
		}
	}
}

// TestInitAsks has a user answer the questions.
func TestInitAsks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, answers string
		userGiven     bool
		want          initOptions
		err           error
	}{
		{"enter", "\n\n\n\n", false, initOptions{user: "me"}, nil},
		{"all of it", "alice\na.example, 10.0.0.9\ny\nyes\n", false, initOptions{user: "alice", names: []string{"a.example", "10.0.0.9"}, plain: true}, nil},
		{"a name that cannot be", "a/b\nbob\n\nperhaps\nn\n\n", false, initOptions{user: "bob"}, nil},
		{"the flag has said it", "\n\ny\n", true, initOptions{user: "me"}, nil},
		{"no", "\n\n\nn\n", false, initOptions{user: "me"}, errDeclined},
		{"the end", "bob\n", false, initOptions{user: "bob"}, errDeclined},
	} {
		var out bytes.Buffer
		r := &initRun{
			initOptions: &initOptions{user: "me"}, confDir: "/conf", stateDir: "/state", machine: &pki.Machine{Host: "lizard"},
			env: Env{Stdin: strings.NewReader(test.answers), Stdout: &out},
		}
		if err := r.ask(t.Context(), test.userGiven); err != test.err { //nolint:errorlint // it is returned as it is
			t.Errorf("%s: %v\n%s", test.name, err, &out)
		}
		if r.user != test.want.user || r.plain != test.want.plain || strings.Join(r.names, " ") != strings.Join(test.want.names, " ") {
			t.Errorf("%s: %+v\n%s", test.name, *r.initOptions, &out)
		}
	}
	r, _ := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := askLine(ctx, io.Discard, bufio.NewReader(r), "?"); err != context.Canceled { //nolint:errorlint // it is returned as it is
		t.Errorf("interrupted: %v", err)
	}
}
