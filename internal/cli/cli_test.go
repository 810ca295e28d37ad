package cli

import (
	"strings"
	"testing"
)

// A run is how a command ended.
type run struct {
	status         int
	stdout, stderr string
}

// call runs the program in this process, without standard input.
func call(t *testing.T, args ...string) run {
	t.Helper()
	var stdout, stderr strings.Builder
	status := Main(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return run{status, stdout.String(), stderr.String()}
}

func TestCommands(t *testing.T) {
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stdout string // begins so
		stderr string
	}{
		{"version", []string{"zancudo", "version"}, 0, "zancudo version ", ""},
		{"version as a flag", []string{"/usr/bin/zancudo", "--version"}, 0, "zancudo version ", ""},
		{"help", []string{"zancudo", "help"}, 0, "zancudo version ", ""},
		{"help as a flag", []string{"zancudo", "--help"}, 0, "zancudo version ", ""},
		{"help on a command", []string{"zancudo", "help", "pub"}, 0, "zancudo pub: publish messages\n", ""},
		{"help of a command", []string{"zancudo", "sub", "--help"}, 0, "zancudo sub: subscribe", ""},
		{"help of an alias", []string{"/usr/bin/mosquitto_pub", "--help"}, 1, "mosquitto_pub: publish", ""},
		{"misspelt", []string{"zancudo", "pbu"}, 3, "", "Error: Unknown command 'pbu', did you mean 'pub'?\n"},
		{"cut short", []string{"zancudo", "vers"}, 3, "", "Error: Unknown command 'vers', did you mean 'version'?\n"},
		{"unknown", []string{"zancudo", "restaurant"}, 3, "", "Error: Unknown command 'restaurant'; 'zancudo help' lists the commands.\n"},
		{"help on an unknown one", []string{"zancudo", "help", "restaurant"}, 3, "", "Error: Unknown command 'restaurant'; 'zancudo help' lists the commands.\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := call(t, test.args...)
			if got.status != test.status || !strings.HasPrefix(got.stdout, test.stdout) || got.stderr != test.stderr {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestHelpTellsEveryCommand(t *testing.T) {
	text := call(t, "zancudo", "help").stdout
	for _, c := range commands() {
		if !strings.Contains(text, "  "+c.name+" ") || !strings.Contains(text, c.table().Summary) {
			t.Errorf("does not tell of %s", c.name)
		}
	}
}

// TestTables holds the table of every command to what help, manual and
// completion need of it.
func TestTables(t *testing.T) {
	for _, c := range commands() {
		table := c.table()
		if table.Name != c.name || table.Summary == "" || len(table.Usage) == 0 {
			t.Errorf("%s: its table has no name, summary or usage", c.name)
		}
		seen := map[string]bool{}
		for f := range table.All() {
			if f.Help == "" || f.Set == nil {
				t.Errorf("%s: %s has no help, or sets nothing", c.name, f.Names)
			}
			for name := range strings.SplitSeq(f.Names, ", ") {
				if seen[name] || !strings.HasPrefix(name, "-") {
					t.Errorf("%s: %s is twice in the table, or has no dash", c.name, name)
				}
				seen[name] = true
			}
		}
		if !seen["--help"] {
			t.Errorf("%s has no --help", c.name)
		}
	}
}

func TestPagesAndCompletion(t *testing.T) {
	for _, c := range commands() {
		page := call(t, "zancudo", "man", c.name)
		if page.status != 0 || page.stderr != "" || !strings.HasPrefix(page.stdout, `.TH ZANCUDO\-`+strings.ToUpper(c.name)+" 1 ") {
			t.Errorf("man %s: got %d %q %.60q", c.name, page.status, page.stderr, page.stdout)
		}
		for f := range c.table().All() {
			for name := range strings.SplitSeq(f.Names, ", ") {
				if !f.Hidden && !strings.Contains(page.stdout, `\fB`+strings.ReplaceAll(name, "-", `\-`)+`\fR`) {
					t.Errorf("man %s does not tell of %s", c.name, name)
				}
			}
		}
	}
	for args, want := range map[string]string{
		"man":             `\fBzancudo\-pub\fR(1)`,
		"completion bash": "complete -F _zancudo zancudo\n",
		"completion zsh":  "#compdef zancudo\n",
		"completion fish": "complete -c zancudo -f\n",
	} {
		if got := call(t, append([]string{"zancudo"}, strings.Fields(args)...)...); got.status != 0 || !strings.Contains(got.stdout, want) || got.stderr != "" {
			t.Errorf("%s: got %d %q", args, got.status, got.stderr)
		}
	}
	for args, want := range map[string]string{
		"man pbu":         "Error: Unknown command 'pbu', did you mean 'pub'?\n",
		"completion":      "Error: No shell given.\n\nUse 'zancudo completion --help' to see usage.\n",
		"completion tcsh": "Error: Invalid shell 'tcsh'; it takes bash, zsh or fish.\n\nUse 'zancudo completion --help' to see usage.\n",
	} {
		if got := call(t, append([]string{"zancudo"}, strings.Fields(args)...)...); got.status != usageStatus || got.stderr != want || got.stdout != "" {
			t.Errorf("%s: got %+v", args, got)
		}
	}
}
