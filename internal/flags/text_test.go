package flags_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/flags"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

func pong() *flags.Command {
	return &flags.Command{Name: "pong", Summary: "answer it's question", Args: []flags.Arg{{Name: "shell", Choices: flags.Shells()}}}
}

// TestTexts compares what is written with the files in testdata.
func TestTexts(t *testing.T) {
	var help, man, overview bytes.Buffer
	texts := map[string]*bytes.Buffer{"help.txt": &help, "man.1": &man, "overview.1": &overview}
	c := ping(&options{})
	commands := []*flags.Command{c, pong()}
	check(t, c.WriteHelp(&help, "zancudo ping", "zancudo version 1"))
	check(t, c.WriteMan(&man, "zancudo-ping", "zancudo ping", "zancudo version 1"))
	check(t, flags.WriteManOverview(&overview, "zancudo", "an MQTT broker", "Does it.", "zancudo version 1", commands))
	for _, shell := range flags.Shells() {
		var b bytes.Buffer
		check(t, flags.WriteCompletion(&b, shell, "zancudo", commands))
		texts["completion."+shell] = &b
	}
	for name, got := range texts {
		name = filepath.Join("testdata", name)
		if *update {
			check(t, os.WriteFile(name, got.Bytes(), 0o600))
		}
		want, err := os.ReadFile(name)
		check(t, err)
		if d := cmp.Diff(string(want), got.String()); d != "" {
			t.Errorf("%s is no longer what is written; -update shows the difference in git\n%s", name, d)
		}
	}
	if err := flags.WriteCompletion(&help, "tcsh", "zancudo", commands); err == nil {
		t.Error("completes tcsh")
	}
}

// TestManualIsRoff has groff read the page.
func TestManualIsRoff(t *testing.T) {
	need(t, "groff", "groff-base")
	for _, name := range []string{"man.1", "overview.1"} {
		c := exec.CommandContext(t.Context(), "groff", "-man", "-ww", "-z", filepath.Join("testdata", name))
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	text, err := exec.CommandContext(t.Context(), "groff", "-man", "-Tascii", "-P-cbou", filepath.Join("testdata", "man.1")).Output()
	check(t, err)
	for _, want := range []string{"-p, --port port", "zancudo-ping - see whether", ".A line that begins with a dot\\.", "--property-of-a-connection name value value2"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestBashCompletes asks bash for what it would offer.
func TestBashCompletes(t *testing.T) {
	need(t, "bash", "bash")
	for _, test := range []struct{ words, want string }{
		{"zancudo p", "ping pong"},
		{"zancudo pi", "ping"},
		{"zancudo ping --re", "--retain"},
		{"zancudo ping --c", ""}, // hidden
		{"zancudo ping -q ", "0 1 2"},
		{"zancudo ping --qos 1", "1"},
		{"zancudo ping -h ", ""},
		{"zancudo pong b", "bash"},
		{"zancudo ping testdata/h", "testdata/help.txt"},
		{"zancudo other -", ""},
	} {
		script := `compopt() { :; }
. testdata/completion.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_zancudo
echo "${COMPREPLY[*]}"`
		words := append([]string{"-c", script, "bash"}, strings.Split(test.words, " ")...)
		out, err := exec.CommandContext(t.Context(), "bash", words...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.words, got, err, test.want)
		}
	}
}

// TestShellsReadTheScripts has the other shells check the syntax.
func TestShellsReadTheScripts(t *testing.T) {
	for _, shell := range []string{"zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			need(t, shell, shell)
			if out, err := exec.CommandContext(t.Context(), shell, "-n", filepath.Join("testdata", "completion."+shell)).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// need skips a test whose program is not installed.
func need(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	say := t.Skipf
	if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
		say = t.Fatalf
	}
	say("%s is not installed; it is in Debian's %s", program, debian)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
