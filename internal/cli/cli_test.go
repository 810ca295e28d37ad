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
		{"help on a command", []string{"zancudo", "help", "pub"}, 0, "zancudo pub publishes messages.", ""},
		{"help of a command", []string{"zancudo", "sub", "--help"}, 0, "zancudo sub subscribes", ""},
		{"help of an alias", []string{"/usr/bin/mosquitto_pub", "--help"}, 0, "mosquitto_pub publishes messages.", ""},
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
	for _, c := range commands {
		if !strings.Contains(text, c.name+" ") || !strings.Contains(text, c.summary) {
			t.Errorf("does not tell of %s", c.name)
		}
	}
}
