package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file of a test.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck(t *testing.T) {
	t.Parallel()
	fine := write(t, "fine.conf", "listener 1883 127.0.0.1\nallow_anonymous true\n")
	open := write(t, "open.conf", "port 1883\nallow_anonymous true\n")
	wrong := write(t, "wrong.conf", "listner 1883\nallow_anonymous yes\nretry_interval 10\ntls_engine x\n")
	users := write(t, "users", "ann:secret\n")
	half := write(t, "half.conf", "listener 1883 127.0.0.1\npassword_file "+users+"\n")
	lost := write(t, "lost.conf", "listener 1883 127.0.0.1\npassword_file /nowhere/users\n")
	for _, tt := range []struct {
		args   []string
		status int
		stdout []string
	}{
		{[]string{fine}, 0, []string{fine + " is fine."}},
		{[]string{"--strict", "-c", fine}, 0, []string{fine + " is fine."}},
		{nil, 0, []string{"the configuration without a file is fine."}},
		{[]string{open}, 0, []string{
			open + ":1: warning (deprecated): 'port' is deprecated; use 'listener'.",
			open + ":2: warning (insecure): whoever reaches port 1883 may connect, without a name or password. Use 'password_file' without 'allow_anonymous true', or listen at 127.0.0.1 only.",
			open + " works, with 2 warnings.",
		}},
		{[]string{"--strict", open}, 1, nil},
		{[]string{wrong}, 3, []string{
			wrong + ":1: error: Unknown configuration variable 'listner'. Did you mean 'listener'?",
			wrong + ":2: error: Invalid 'allow_anonymous' value (yes). It is either true or false, in small letters.",
			wrong + ":3: warning (pointless): 'retry_interval' has no effect: messages are sent again when a client comes back, as the standard has it, and never while it is connected.",
			wrong + ":4: error: 'tls_engine' is not supported. Engines belong to OpenSSL, which is not in this program; put the key into a file, and name it with 'keyfile'.",
			wrong + " does not work: 3 errors, 1 warning.",
		}},
		{[]string{"--strict", wrong}, 3, nil},
		{[]string{half}, 3, []string{
			users + ":1: error: User ann: is no password hash: $7$, $argon2id$, $scram-sha-256$, $6$, PBKDF2$ and $2a$ begin one. Give the user a new password with 'zancudo passwd'; " +
				"'zancudo passwd -U' replaces passwords that are not hashed.",
			half + " does not work: 1 error, 0 warnings.",
		}},
		{[]string{lost}, 3, []string{
			lost + ":2: error: There is no file '/nowhere/users'. Check the name; a relative one is looked for in the working directory.",
			lost + " does not work: 1 error, 0 warnings.",
		}},
		{[]string{"/nonexistent"}, 3, []string{
			"/nonexistent: error: Unable to open config file '/nonexistent'. There is no such file or directory: check the name.", "/nonexistent does not work: 1 error, 0 warnings.",
		}},
	} {
		got := call(t, append([]string{"zancudo", "check"}, tt.args...)...)
		want := strings.Join(tt.stdout, "\n") + "\n"
		if got.status != tt.status || got.stderr != "" || tt.stdout != nil && got.stdout != want {
			t.Errorf("%v: got %d %s\n%swant %d\n%s", tt.args, got.status, got.stderr, got.stdout, tt.status, want)
		}
	}
}

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	file := write(t, "a.conf", "max_qs 1\nretry_interval 3\n")
	got := call(t, "zancudo", "check", "--json", file)
	var r checkReport
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.status != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if r.OK || r.Errors != 1 || r.Warnings != 1 || r.File != file || len(r.Problems) != 2 {
		t.Fatalf("got %+v", r)
	}
	want := checkProblem{"error", "error", file, 1, "max_qs", "Unknown configuration variable 'max_qs'", "Did you mean 'max_qos'?", "max_qos"}
	if r.Problems[0] != want {
		t.Errorf("got %+v", r.Problems[0])
	}
	if got := call(t, "zancudo", "check", "--json"); got.status != 0 || got.stdout != `{"file":"","ok":true,"errors":0,"warnings":0,"problems":[]}`+"\n" {
		t.Errorf("got %+v", got)
	}
}

func TestHelpConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		word   string
		status int
		stdout string // is in it
		stderr string
	}{
		{"max_qos", 0, "max_qos NUMBER\n\n  The highest QoS that clients may publish with.\n\n  Default:      2\n  Range:        0 to 2\n", ""},
		{"maximum_qos", 0, "max_qos NUMBER\n", ""},
		{"auth_opt_x", 0, "plugin_opt_* VALUE\n", ""},
		{"max_qs", 0, "There is no word 'max_qs'; this is the one most like it.\n\nmax_qos NUMBER\n", ""},
		{"remote_password", 0, "ZANCUDO_REMOTE_PASSWORD, or ZANCUDO_REMOTE_PASSWORD_FILE to name a file that has it\n", ""},
		{"zwölf", 3, "", "Error: There is no word 'zwölf', nor one like it; 'zancudo help config' lists them.\n"},
		{"", 0, "\nListeners:\n  listener PORT [ADDRESS]\n", ""},
	} {
		args := []string{"zancudo", "help", "config"}
		if tt.word != "" {
			args = append(args, tt.word)
		}
		got := call(t, args...)
		if got.status != tt.status || !strings.Contains(got.stdout, tt.stdout) || got.stderr != tt.stderr {
			t.Errorf("%s: got %+v", tt.word, got)
		}
	}
	if got := call(t, "zancudo", "man", "config"); got.status != 0 || !strings.Contains(got.stdout, ".TH ZANCUDO.CONF 5") {
		t.Errorf("got %d %.60q", got.status, got.stdout)
	}
	if got := call(t, "zancudo", "help", "pub", "x"); got.status != 3 || got.stdout != "" {
		t.Errorf("got %+v", got)
	}
}
