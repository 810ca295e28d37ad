package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/internal/proctest"
)

func TestPasswd(t *testing.T) {
	usage := "\n\nUse 'zancudo passwd --help' to see usage.\n"
	for _, test := range []struct {
		line, stdin, before string // FILE stands for the file, before for what is in it
		want                run
		users               string // with their passwords, sorted
	}{
		{line: "-c -b FILE ann secret", want: run{0, "Adding password for user ann\n", ""}, users: "ann=secret"},
		{line: "-c -b FILE ann secret", before: "bob:x\n", want: run{0, "Adding password for user ann\n", ""}, users: "ann=secret"},
		{line: "-b FILE ann secret", before: "# none\n", want: run{0, "Adding password for user ann\n", ""}, users: "ann=secret"},
		{line: "-H argon2id -b -c FILE ann secret", want: run{0, "Adding password for user ann\n", ""}, users: "ann=secret"},
		{line: "-H sha512 -b -c FILE ann secret", want: run{0, "Adding password for user ann\n", ""}, users: "ann=secret"},
		{line: "-H sha512-pbkdf2 -I 5 -b -c FILE ann secret", want: run{0, "Adding password for user ann\n", ""}, users: "ann=secret"},
		{line: "-c FILE ann", stdin: "secret\n", want: run{0, "Adding password for user ann\n", ""}, users: "ann=secret"},
		{line: "-c FILE ann", stdin: "secret\r\nsecret\r\n", want: run{0, "Adding password for user ann\n", ""}, users: "ann=secret"},
		{line: "-c FILE ann", stdin: "two words", want: run{0, "Adding password for user ann\n", ""}, users: "ann=two words"},
		{line: "-c FILE ann", stdin: "secret\nother\n", want: run{2, "", "Error: Passwords do not match.\n"}},
		{line: "-c FILE ann", stdin: "\n", want: run{1, "", "Error: Empty password.\n"}},
		{line: "-c FILE ann", stdin: strings.Repeat("x", 65536), want: run{1, "", "Error: Password must be less than 65536 characters long.\n"}},
		{line: "FILE ann", stdin: "new\n", before: "ann:x\n", want: run{0, "Updating password for user ann\n", ""}, users: "ann=new"},
		{line: "-D FILE ann", before: "ann:x\n", want: run{}, users: ""},
		{line: "-D FILE eve", before: "ann:x\n", want: run{1, "", "Warning: User eve not found in password file.\n"}, users: "?"},
		{line: "-U FILE", before: "ann:secret\n# c\nbob:other\n", want: run{}, users: "ann=secret bob=other"},
		{line: "-U FILE", before: "ann:secret\nbob\n", want: run{1, "", "Error: Corrupt password file at line 2.\n"}, users: "?"},
		{line: "-b FILE ann x", want: run{1, "", "Error: Unable to open password file FILE. No such file or directory.\n"}},
		{line: "FILE ann", stdin: "x", want: run{1, "", "Error: Unable to open password file FILE. No such file or directory.\n"}},
		{line: "-b -c FILE/x ann x", before: "a:b\n", want: run{1, "", "Error: Unable to open file FILE/x for writing. Not a directory.\n"}, users: "?"},
		{line: "-b FILE a:b x", want: run{1, "", "Error: Username must not contain the ':' character." + usage}},
		{line: "-D FILE a\x01b", want: run{1, "", "Error: Username must not contain control characters." + usage}},
		{line: "FILE ann secret", want: run{1, "", "Error: A password on the command line, where others can see it, needs -b." + usage}},
		{line: "-D FILE ann x", want: run{1, "", "Error: Unexpected argument 'x'." + usage}},
		{line: "-c FILE", want: run{1, "", "Error: -c argument given but password file or username missing." + usage}},
		{line: "-c -b FILE ann", want: run{1, "", "Error: -c argument given but password file, username, or password missing." + usage}},
		{line: "-b FILE ann", want: run{1, "", "Error: -b argument given but password file, username, or password missing." + usage}},
		{line: "-D FILE", want: run{1, "", "Error: -D argument given but password file or username missing." + usage}},
		{line: "-U", want: run{1, "", "Error: -U argument given but password file missing." + usage}},
		{line: "FILE", want: run{1, "", "Error: Password file or username missing." + usage}},
		{line: "-c -D FILE ann", want: run{1, "", "Error: -c and -D cannot be used together." + usage}},
		{line: "-c -U FILE", want: run{1, "", "Error: -c and -U cannot be used together." + usage}},
		{line: "-D -U FILE", want: run{1, "", "Error: -D and -U cannot be used together." + usage}},
		{line: "-D -b FILE ann", want: run{1, "", "Error: -b and -D cannot be used together." + usage}},
		{line: "-H md5 FILE ann", want: run{1, "", "Error: Unknown hash type 'md5'; -H takes argon2id, sha512-pbkdf2, scram-sha-256 or sha512." + usage}},
		{line: "-H", want: run{1, "", "Error: -H argument given but not enough other arguments." + usage}},
		{line: "-I 0 FILE ann", want: run{1, "", "Error: Number of iterations must be > 0: 0; -I takes a number from 1 to 5000000." + usage}},
	} {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "passwd")
			if test.before != "" {
				must(t, os.WriteFile(file, []byte(test.before), 0o600))
			}
			got := runPasswd(t.Context(), strings.NewReader(test.stdin), file, test.line)
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if test.users == "?" { // nothing was changed
				if text, _ := os.ReadFile(file); string(text) != test.before {
					t.Errorf("the file became %q", text)
				}
			} else if users := passwords(t, file); users != test.users {
				t.Errorf("the file has %s, want %s", users, test.users)
			}
		})
	}
}

func TestPasswdToStandardOutput(t *testing.T) {
	got := runPasswd(t.Context(), strings.NewReader("secret\n"), "-", "-c FILE ann")
	name, hash, _ := strings.Cut(strings.TrimSpace(got.stdout), ":")
	if h, err := password.Parse(hash); got.status != 0 || got.stderr != "" || name != "ann" || err != nil || !h.Verify([]byte("secret")) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestPasswdInterrupted: a signal while the password is hashed leaves the file.
func TestPasswdInterrupted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwd")
	must(t, os.WriteFile(file, []byte("ann:x\n"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := runPasswd(ctx, nil, file, "-b FILE eve secret")
	text, err := os.ReadFile(file)
	if (got != run{130, "", ""}) || string(text) != "ann:x\n" || err != nil {
		t.Errorf("got %+v; the file is %q", got, text)
	}
}

// TestPasswdBesideMosquittos edits files with both programs in turn and has
// Mosquitto's broker read them.
func TestPasswdBesideMosquittos(t *testing.T) {
	for _, program := range []string{"mosquitto", "mosquitto_passwd"} {
		need(t, program, "mosquitto")
	}
	need(t, "mosquitto_pub", "mosquitto-clients")
	file := filepath.Join(t.TempDir(), "passwd")
	theirs := func(args ...string) {
		t.Helper()
		if r := runProgram(t, "mosquitto_passwd", args, ""); r.status != 0 {
			t.Fatalf("mosquitto_passwd %v: %+v", args, r)
		}
	}
	ours := func(line string) {
		t.Helper()
		if r := runPasswd(t.Context(), nil, file, line); r.status != 0 {
			t.Fatalf("passwd %s: %+v", line, r)
		}
	}
	theirs("-b", "-c", file, "ann", "one")
	ours("-b FILE bob two")
	ours("-H sha512 -b FILE cid three")
	theirs("-H", "sha512", "-b", file, "dan", "four")
	theirs("-b", file, "bob", "five")
	ours("-b FILE ann six")
	theirs("-b", file, "eve", "seven")
	ours("-D FILE eve")
	if got, want := passwords(t, file, "one", "two", "three", "four", "five", "six", "seven"), "ann=six bob=five cid=three dan=four"; got != want {
		t.Errorf("the file has %s, want %s", got, want)
	}
	port := theirBroker(t, file)
	for user, secret := range map[string]string{"ann": "six", "bob": "five", "cid": "three", "dan": "four"} {
		if r := runProgram(t, "mosquitto_pub", []string{"-p", port, "-t", "a", "-m", "b", "-u", user, "-P", secret}, ""); r.status != 0 {
			t.Errorf("Mosquitto's broker does not let %s in: %+v", user, r)
		}
		if r := runProgram(t, "mosquitto_pub", []string{"-p", port, "-t", "a", "-m", "b", "-u", user, "-P", "wrong"}, ""); r.status != 5 {
			t.Errorf("Mosquitto's broker lets %s in with another password: %+v", user, r)
		}
	}
}

// TestPasswdSideBySide runs the same command lines with both programs on files of
// their own. Statuses are the same and so is what is said on standard error,
// where ours may say more behind it. Debian's version does not yet say "Adding
// password for user" nor refuse -b with -D; docs/tools.md has what differs
// deliberately.
func TestPasswdSideBySide(t *testing.T) {
	need(t, "mosquitto_passwd", "mosquitto")
	for _, test := range []struct{ line, before, stdin string }{
		{line: "-c -b FILE ann secret"},
		{line: "-b FILE ann secret", before: "ann:$6$x$y\n"},
		{line: "-b FILE bob secret", before: "ann:$6$x$y\n"},
		{line: "-H sha512 -b FILE bob secret", before: "ann:$6$x$y\n"},
		{line: "-H sha512-pbkdf2 -b FILE bob secret", before: "ann:$6$x$y\n"},
		{line: "-H md5 -b FILE bob secret", before: "ann:$6$x$y\n"},
		{line: "-c FILE ann", stdin: "secret\nsecret\n"},
		{line: "-c FILE ann", stdin: "secret\nother\n"},
		{line: "-c FILE ann", stdin: "\n"},
		{line: "-c FILE ann"},
		{line: "FILE ann", stdin: "secret\nsecret\n", before: "ann:$6$x$y\n"},
		{line: "-D FILE ann", before: "ann:$6$x$y\nbob:$6$x$y\n"},
		{line: "-D FILE eve", before: "ann:$6$x$y\n"},
		{line: "-U FILE", before: "ann:secret\nbob:other\n"},
		{line: "-U FILE", before: "ann:secret\nbob\n"},
		{line: "-b FILE ann secret", before: "ann:$6$x$y\nbob\n"},
		{line: "-b FILE ann secret"},
		{line: "-D FILE ann"},
		{line: "-U FILE"},
		{line: "-b FILE a:b secret", before: "ann:$6$x$y\n"},
		{line: "-b FILE a\tb secret", before: "ann:$6$x$y\n"},
		{line: "-c FILE"},
		{line: "-c -b FILE ann"},
		{line: "-D FILE", before: "ann:$6$x$y\n"},
		{line: "-U"},
		{line: "-H"},
		{line: "-c -D FILE ann"},
		{line: "-c -U FILE"},
		{line: "-D -U FILE"},
	} {
		t.Run(test.line, func(t *testing.T) {
			ours, theirs := filepath.Join(t.TempDir(), "passwd"), filepath.Join(t.TempDir(), "passwd")
			for _, file := range []string{ours, theirs} {
				if test.before != "" {
					must(t, os.WriteFile(file, []byte(test.before), 0o600))
				}
			}
			got := runPasswd(t.Context(), strings.NewReader(test.stdin), ours, test.line)
			want := runProgram(t, "mosquitto_passwd", strings.Split(strings.ReplaceAll(test.line, "FILE", theirs), " "), test.stdin)
			want.stderr = strings.TrimSuffix(strings.ReplaceAll(want.stderr, theirs, "FILE"), "\n")
			if got.status != want.status || !strings.HasPrefix(got.stderr, want.stderr) || (got.stderr == "") != (want.stderr == "") {
				t.Errorf("ours   %+v\ntheirs %+v", got, want)
			}
			if got, want := usersOf(t, ours), usersOf(t, theirs); got != want {
				t.Errorf("ours   %s\ntheirs %s", got, want)
			}
		})
	}
}

// usersOf lists the users of a file and how their passwords are hashed.
func usersOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()[strings.LastIndex(err.Error(), ":"):]
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		name, hash, _ := strings.Cut(strings.TrimSpace(line), ":")
		kind, _, _ := strings.Cut(strings.TrimPrefix(hash, "$"), "$")
		all = append(all, name+" "+kind)
	}
	return strings.Join(all, ", ")
}

// theirBroker runs Mosquitto's broker with a password file until the test ends.
func theirBroker(t *testing.T, file string) (port string) {
	t.Helper()
	must(t, os.Chmod(file, 0o644)) // it runs as a user of its own
	for dir := filepath.Dir(file); dir != os.TempDir() && len(dir) > 1; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	port = proctest.FreePort(t)
	config := filepath.Join(t.TempDir(), "mosquitto.conf")
	must(t, os.WriteFile(config, []byte("listener "+port+" 127.0.0.1\npassword_file "+file+"\nallow_anonymous false\n"), 0o644))
	stderr, err := os.CreateTemp(t.TempDir(), "log")
	must(t, err)
	c := exec.Command("mosquitto", "-c", config)
	c.Stderr = stderr
	must(t, c.Start())
	t.Cleanup(func() {
		must(t, c.Process.Kill())
		_ = c.Wait() // it was killed
		if log, _ := os.ReadFile(stderr.Name()); t.Failed() {
			t.Logf("mosquitto: %s", log)
		}
		stderr.Close()
	})
	for runProgram(t, "mosquitto_pub", []string{"-p", port, "-t", "a", "-m", "b", "--quiet"}, "").status == 1 { // until it listens
		must(t, t.Context().Err())
	}
	return port
}

// runPasswd runs the command with FILE in its line standing for a file, and in
// what it prints.
func runPasswd(ctx context.Context, stdin io.Reader, file, line string) run {
	var stdout, stderr buffer
	args := strings.Split(line, " ")
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "FILE", file)
	}
	env := Env{Program: "zancudo passwd", Stdin: stdin, Stdout: &stdout, Stderr: &stderr}
	status := dispatch(ctx, env, "passwd", args)
	hide := func(b *buffer) string { return strings.ReplaceAll(b.String(), file, "FILE") }
	if file == "-" {
		hide = (*buffer).String
	}
	return run{status, hide(&stdout), hide(&stderr)}
}

// passwords lists the users of a file with those of the candidates that are
// their passwords.
func passwords(t *testing.T, file string, candidates ...string) string {
	t.Helper()
	f, err := password.Read(file, password.Options{})
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	must(t, err)
	users, err := f.Users()
	must(t, err)
	var all []string
	for name, h := range users {
		for _, c := range append(candidates, "secret", "other", "new", "two words") {
			if h.Verify([]byte(c)) {
				all = append(all, name+"="+c)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
