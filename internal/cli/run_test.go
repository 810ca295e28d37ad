package cli

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/proctest"
)

func TestRunErrors(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	bad := filepath.Join(t.TempDir(), "bad.conf")
	if err := os.WriteFile(bad, []byte("max_qos 3\nlistner 1883\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const (
		usage  = "\n\nUse '%s --help' to see usage.\n"
		holder = "This process itself listens there: " // on Linux, which tells
		number = " -p takes a number from 1 to 65535." + usage
	)
	for _, tt := range []struct {
		args   string
		status int
		stderr string
	}{
		{"-p 0", 3, "Error: Invalid port specified (0)." + number},
		{"-p 65536", 3, "Error: Invalid port specified (65536)." + number},
		{"--port -1", 3, "Error: Invalid port specified (-1)." + number},
		{"--port=mqtt", 3, "Error: Invalid port specified (mqtt)." + number},
		{"-p", 3, "Error: -p argument given, but no port specified." + usage},
		{"-c", 3, "Error: -c argument given, but no config file specified." + usage},
		{"--config-file=", 3, "Error: -c argument given, but no config file specified." + usage},
		{"-c /nonexistent/x.conf", 3, "Error: Unable to open config file '/nonexistent/x.conf'.\n" +
			"There is no such file or directory: check the name.\n"},
		{"-c " + bad, 3, "Error: 'max_qos' must be between 0 and 2 inclusive.\nError found at " + bad + ":1. It is 3.\n" +
			"Error: Unknown configuration variable 'listner'\nError found at " + bad + ":2. Did you mean 'listener'?\n"},
		{"--test-config -c " + bad, 3, "Error: 'max_qos' must be between 0 and 2 inclusive.\nError found at " + bad + ":1. It is 3.\n" +
			"Error: Unknown configuration variable 'listner'\nError found at " + bad + ":2. Did you mean 'listener'?\n"},
		{"--x", 3, "Error: Unknown option '--x'." + usage},
		{"mosquitto.conf", 3, "Error: Unknown option 'mosquitto.conf'." + usage},
		{"--tls-keylog", 3, "Error: --tls-keylog argument given, but no file specified." + usage},
		{strings.Repeat("-p 1 ", 11), 3, "Error: Only 10 ports can be specified. Write 'listener' lines into a file and name it with -c." + usage},
		{"-q -p " + port, 1, "Error: Address already in use: port " + port + " of 127.0.0.1. " + holder +
			"choose another port, with -p or in the configuration.\n"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			for _, called := range []string{"zancudo run", "mosquitto"} {
				status, stdout, stderr := execute(t.Context(), called+" "+tt.args)
				want := strings.Replace(tt.stderr, "%s", called, 1)
				if status != tt.status || stdout != "" || stderr != want {
					t.Errorf("%s: status %d, want %d\nstdout %q\nstderr\n%swant\n%s", called, status, tt.status, stdout, stderr, want)
				}
			}
		})
	}
}

func TestRunAnswers(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "good.conf")
	if err := os.WriteFile(good, []byte("listener 1883 127.0.0.1\nallow_anonymous true\nretry_interval 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ line, stdout, stderr string }{
		{"mosquitto -h", "Usage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]\n", ""},
		{"mosquitto --help -p 1884", "Usage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]\n", ""},
		{"zancudo run --help", "Usage: zancudo run [-c config_file] [-d] [-h] [-p port] [-v]\n", ""},
		{"zancudo help run", "Usage: zancudo run [-c config_file] [-d] [-h] [-p port] [-v]\n", ""},
		{"mosquitto --version", "zancudo version ", ""},
		{"zancudo --version", "zancudo version ", ""},
		{"zancudo -c " + good + " --test-config", "Configuration file is OK.\n", "Warning: " + good + ":3: 'retry_interval' has no effect: messages are sent again when a client comes back, as the standard has it, and never while it is connected.\n"},
	} {
		status, stdout, stderr := execute(t.Context(), tt.line)
		if status != 0 || !strings.Contains(stdout, tt.stdout) || stderr != tt.stderr {
			t.Errorf("%s: status %d\nstdout\n%swant\n%sstderr\n%swant\n%s", tt.line, status, stdout, tt.stdout, stderr, tt.stderr)
		}
	}
}

// A broker that is told to stop before it has begun ends as well.
func TestRunStops(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.conf")
	if err := os.WriteFile(file, []byte("log_dest stdout\nlog_timestamp false\nlog_type warning\nmemory_limit 1000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct{ flags, stdout string }{
		{"", "Warning: " + file + ":4: 'memory_limit' is not supported yet"},
		{" -v", "zancudo version "},
		{" -q", ""},
		{" -q -v", ""},
	} {
		status, stdout, stderr := execute(ctx, "zancudo -p "+proctest.FreePort(t)+" -c "+file+tt.flags)
		if status != 0 || !strings.HasPrefix(stdout, tt.stdout) || tt.stdout == "" && stdout != "" || stderr != "" {
			t.Errorf("%q: status %d\nstdout\n%swant\n%sstderr\n%s", tt.flags, status, stdout, tt.stdout, stderr)
		}
	}
}

// execute runs a command line.
func execute(ctx context.Context, line string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = Main(ctx, strings.Fields(line), strings.NewReader(""), &out, &err)
	return status, out.String(), err.String()
}
