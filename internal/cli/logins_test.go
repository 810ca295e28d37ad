package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/daemon"
)

func TestLoginsCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, test := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{"--lift", "ann"}, 3, "--lift takes an IP address, not 'ann'."},
		{[]string{"--run-dir", dir}, 1, "Error: No broker of this user runs on this machine (there is none in " + dir + ").\n"},
	} {
		got := call(t, append([]string{"zancudo", "logins"}, test.args...)...)
		if got.status != test.status || !strings.Contains(got.stderr, test.stderr) {
			t.Errorf("%v: got %d %s", test.args, got.status, got.stderr)
		}
	}
}

func TestLoginsOutput(t *testing.T) {
	t.Parallel()
	all := []daemon.SlowedLogin{
		{Address: "192.0.2.7", User: "ann", Failures: 6, Seconds: 1.8},
		{Address: "2001:db8::/64", Failures: 26, Seconds: 0.1},
		{Address: "unix socket", User: "b\x1b[2J", Failures: 10, Seconds: 75},
	}
	for _, test := range []struct {
		name    string
		request daemon.LoginsRequest
		answer  daemon.Logins
		want    string
	}{
		{"nobody", daemon.LoginsRequest{}, daemon.Logins{}, "nobody has to wait\n"},
		{"lifted", daemon.LoginsRequest{LiftAll: true}, daemon.Logins{Lifted: 2}, "2 delays lifted\nnobody has to wait\n"},
		{"some", daemon.LoginsRequest{}, daemon.Logins{Slowed: all}, `address        user        failures  waits for
192.0.2.7      "ann"       6         2s
2001:db8::/64  (all)       26        1s
unix socket    "b\x1b[2J"  10        1m15s
`},
	} {
		var out bytes.Buffer
		o := &loginsOptions{request: test.request}
		o.write(Env{Stdout: &out}, &test.answer)
		if out.String() != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, out.String(), test.want)
		}
	}
}
