package cli

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// TestSideBySide runs the same command lines with Mosquitto's tools and with
// ours. Output and exit status are the same, and so is whether there is anything
// on standard error, where ours say more. Deliberate differences, not shown here:
//   - numbers with letters in them ("-q x") are errors, not 0;
//   - --help and --version end with status 0;
//   - sub acknowledges a message after printing it, not before, which -d shows;
//   - pub that is interrupted says DISCONNECT before it ends with status 130.
func TestSideBySide(t *testing.T) {
	theirs := map[string]string{"pub": "mosquitto_pub", "sub": "mosquitto_sub"}
	for _, program := range theirs {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
				t.Fatalf("%v: install Debian's mosquitto-clients", err)
			}
			t.Skipf("%v: install Debian's mosquitto-clients to compare our tools with Mosquitto's", err)
		}
	}
	port := serve(t)
	for _, test := range []struct{ line, stdin string }{
		{line: "pub -t a -m b"},
		{line: "pub -t a -m b -d -i me"},
		{line: "pub -t a -m b -d -i me -q 1"},
		{line: "pub -t a -m b -d -i me -q 2"},
		{line: "pub -t a -m b -d -i me -q 2 -V mqttv31"},
		{line: "pub -t a -m b -d -i me -q 1 -V mqttv5"},
		{line: "pub -t a -m b -d -q 0"},
		{line: "pub -t a -n -d -i me"},
		{line: "pub -t a -r -n -d -i me"},
		{line: "pub -t a -l -d -i me", stdin: "1\n\n2"},
		{line: "pub -t a -l -i me -q 2", stdin: "1\n\n2"},
		{line: "pub -t a -s -d -i me", stdin: "1\n\n2"},
		{line: "pub -t a -f /etc/hostname"},
		{line: "pub -t a -f /nowhere/x"},
		{line: "pub -t a -m b -i me -c -d"},
		{line: "pub -t a -m b -I pre"},
		{line: "pub -t a -m b -u u -P p -k 10 -M 5 --nodelay"},
		{line: "pub --topic a --message b --qos 1 --retain --id me --keepalive 9 --username u --pw p --protocol-version 5 --debug"},
		{line: "pub -t a -m b -p 1"},
		{line: "pub -t a -m b -p 1 --quiet"},
		{line: "pub -h nosuch.invalid -t a -m b"},
		{line: "pub -t a/# -m b"},
		{line: "pub -t a -m b -q 3"},
		{line: "pub -t a -m b -n"},
		{line: "pub -t a -m b -k 1"},
		{line: "pub -t a -m b -V 6"},
		{line: "pub -t a -m b -p 70000"},
		{line: "pub -t a -m b -c"},
		{line: "pub -t a -m b --bogus"},
		{line: "pub -t a -m"},
		{line: "sub -t retained/# -C 2"},
		{line: "sub -t retained/# -C 2 -v"},
		{line: "sub -t retained/# -C 2 -N -q 2"},
		{line: "sub -t retained/1 -t retained/2 -C 2 -v -q 1 -i me"},
		{line: "sub -t retained/1 -C 1 -d -i me -V mqttv5"},
		{line: "sub -t retained/1 -C 1 -d -V mqttv311"},
		{line: "sub -t retained/1 -C 1 -c -i me"},
		{line: "sub --topic retained/1 -C 1 --verbose --id me --qos 0 --protocol-version 31 --debug"},
		{line: "sub -t retained/1 -W 1 -v -d -i me"},
		{line: "sub -t nothing -W 1 --quiet"},
		{line: "sub -t a -p 1"},
		{line: "sub"},
		{line: "sub -t a -C 0"},
		{line: "sub -t a -W 0"},
		{line: "sub -t a#"},
		{line: "sub -t a -c"},
		{line: "sub -t a -i b -I c"},
	} {
		t.Run(test.line, func(t *testing.T) {
			name, rest, _ := strings.Cut(test.line, " ")
			args := strings.Fields(rest)
			if !strings.Contains(test.line, "-p ") {
				args = append(args, "-p", port)
			}
			want := runProgram(t, theirs[name], args, test.stdin)
			got := runOurs(t, name, args, test.stdin)
			if got.stdout != want.stdout || got.status != want.status || (got.stderr == "") != (want.stderr == "") {
				t.Errorf("ours   %+v\ntheirs %+v", got, want)
			}
		})
	}
}

// serve runs a broker on a free port, with messages retained at retained/1 and
// retained/2.
func serve(t *testing.T) (port string) {
	t.Helper()
	b, port := serveBroker(t, broker.Options{})
	for _, name := range []string{"1", "2"} {
		must(t, b.Publish(&packet.Message{Topic: "retained/" + name, Payload: []byte(name), QoS: 1, Retain: true}))
	}
	return port
}

// serveBroker runs a broker on a free port.
func serveBroker(t *testing.T, o broker.Options) (b *broker.Broker, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	must(t, err)
	b = broker.New(o)
	done := make(chan error)
	go func() { done <- b.Serve(l) }()
	t.Cleanup(func() {
		b.Close()
		<-done
	})
	return b, strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func runProgram(t *testing.T, program string, args []string, stdin string) run {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), program, args...)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return run{c.ProcessState.ExitCode(), withoutUsage(stdout.String()), stderr.String()}
}

func runOurs(t *testing.T, name string, args []string, stdin string) run {
	t.Helper()
	var stdout, stderr buffer
	status := Main(t.Context(), append([]string{"zancudo", name}, args...), strings.NewReader(stdin), &stdout, &stderr)
	return run{status, stdout.String(), stderr.String()}
}

// withoutUsage takes away the help that Mosquitto's tools print when something
// is missing.
func withoutUsage(s string) string {
	if strings.Contains(s, "\nUsage: mosquitto_") {
		return ""
	}
	return s
}
