//go:build linux

package main_test

import (
	"cmp"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// A failedStart is a way in which the service does not start.
type failedStart struct {
	name    string
	conf    string // $PORT, $DIR: a port and a directory that are its own
	status  int
	want    string // a regular expression: what stderr and the status of the service name as the cause
	errno   syscall.Errno
	becomes string               // whom an administrator's process becomes; empty: it stays
	user    uint32               // who runs it; zero: the user of the test, which otherwise must be root
	before  func(*failedAttempt) // what is there already
}

// failedAttempt is where one happens.
type failedAttempt struct {
	*testing.T
	dir, port string
}

const nobody = 65534

// failedStarts are as many ways as the packaged configuration, edited, has.
var failedStarts = []failedStart{
	{name: "a word that does not exist", conf: "listner 1883\n", status: 3, want: `Unknown configuration variable 'listner' Error found at $CONF:1\. Did you mean 'listener'\?`},
	{name: "a value that does not exist", conf: "listener $PORT\nmax_qos 3\n", status: 3, want: `'max_qos' must be between 0 and 2 inclusive\. Error found at $CONF:2\.`},
	{
		name: "no certificate", conf: "listener $PORT 127.0.0.1\ncertfile $DIR/server.crt\nkeyfile $DIR/server.key\n",
		status: 1, errno: syscall.ENOENT, want: `Unable to load '$DIR/server\.crt'\. Check certfile: no such file or directory\. \(port $PORT of 127\.0\.0\.1\)`,
	},
	{
		name: "a certificate that may not be read", conf: "listener $PORT 127.0.0.1\ncertfile $DIR/server.crt\nkeyfile $DIR/server.key\n",
		user: nobody, status: 1, errno: syscall.EACCES, want: `Unable to load '$DIR/server\.crt'\. Check certfile: permission denied`,
		before: func(a *failedAttempt) { a.write("server.crt", 0o600); a.write("server.key", 0o600) },
	},
	{
		name: "a store that another has", conf: "listener $PORT 127.0.0.1\npersistence true\npersistence_location $DIR/\n",
		status: 1, want: `open the store in $DIR/zancudo: process \d+ has it open; stop that, or choose another persistence_location`,
		before: func(a *failedAttempt) {
			broker(a.T, "-c", open(a.T, proctest.FreePort(a.T), "persistence true", "persistence_location "+a.dir+"/"))
		},
	},
	{
		name: "a directory of another", conf: "listener $PORT 127.0.0.1\npersistence true\npersistence_location $DIR/\n", user: nobody,
		status: 1, errno: syscall.EACCES, want: `$DIR/zancudo: user id 65534 may not write there \($DIR belongs to user id 0 with mode 0755\); make that user the owner`,
	},
	{
		name: "a directory that is not there", conf: "listener $PORT 127.0.0.1\npersistence true\npersistence_location $DIR/none/\n",
		user: nobody, status: 1, errno: syscall.EACCES, want: `$DIR/none`,
	},
	{
		name: "a port that another program has", conf: "listener $PORT 127.0.0.1\n", status: 1, errno: syscall.EADDRINUSE,
		want:   `Address already in use: port $PORT of 127\.0\.0\.1\. It is used by process $SELF \(\S+\)\. Stop it, with 'kill $SELF', or choose another port`,
		before: func(a *failedAttempt) { a.listen() },
	},
	{
		name: "a port for the administrator", conf: "listener 81 127.0.0.1\n", user: nobody, status: 1, errno: syscall.EACCES,
		want: `Permission denied: port 81 of 127\.0\.0\.1\. Ports below 1024 are for the administrator: .* CAP_NET_BIND_SERVICE`,
		before: func(a *failedAttempt) {
			least, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
			if n, _ := strconv.Atoi(strings.TrimSpace(string(least))); err == nil && n <= 81 {
				a.Skip("ports below 1024 are for everybody here")
			}
		},
	},
	{name: "a user that does not exist", becomes: "nobody-of-that-name", conf: "listener $PORT 127.0.0.1\n", status: 1, want: `invalid user 'nobody-of-that-name'`},
}

func (a *failedAttempt) write(name string, mode os.FileMode) {
	a.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), nil, mode); err != nil {
		a.Fatal(err)
	}
}

func (a *failedAttempt) listen() {
	a.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:"+a.port)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { l.Close() })
}

// Who looks into the journal, at the status of the service or into the log file
// finds the cause of a failed start in each.
func TestFailedStarts(t *testing.T) {
	t.Parallel()
	for _, tt := range failedStarts {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if (tt.user != 0 || tt.becomes != "") && os.Geteuid() != 0 {
				t.Skip("this test runs the broker as another user; run it as root")
			}
			a := &failedAttempt{T: t, dir: readable(t), port: proctest.FreePort(t)}
			if tt.before != nil {
				tt.before(a)
			}
			tt.try(a)
		})
	}
}

// readable is a directory that other users may look into.
func readable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "failed-start-") //nolint:usetesting // nobody else may enter what is above a TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (tt *failedStart) try(a *failedAttempt) {
	a.Helper()
	conf := filepath.Join(a.dir, "zancudo.conf")
	fill := strings.NewReplacer("$PORT", a.port, "$DIR", a.dir, "$CONF", conf, "$SELF", strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(conf, []byte(fill.Replace(tt.conf)+"log_dest file "+filepath.Join(a.dir, "log", "zancudo.log")+"\n"), 0o644); err != nil {
		a.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(a.dir, "log"), 0o777); err != nil {
		a.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(a.dir, "log"), 0o777); err != nil {
		a.Fatal(err)
	}
	address := filepath.Join(a.dir, "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		a.Fatal(err)
	}
	defer notify.Close()
	if err := os.Chmod(address, 0o777); err != nil {
		a.Fatal(err)
	}
	program := filepath.Join(a.dir, "program") // where that user may read it
	if err := os.Link(zancudo, program); err != nil {
		a.Fatal(err)
	}
	cmd := exec.Command(program, "run", "-c", conf)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+address, "XDG_RUNTIME_DIR="+filepath.Join(a.dir, "log"), "ZANCUDO_USER="+cmp.Or(tt.becomes, "root"))
	if tt.user != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: tt.user, Gid: tt.user}}
	}
	p := startCommand(a.T, cmd)
	if status := p.status(); status != tt.status {
		a.Errorf("it ends with status %d, want %d", status, tt.status)
	}
	want := regexp.MustCompile(fill.Replace(tt.want))
	if text := oneLine(p.stderr.String()); !want.MatchString(text) || !strings.Contains(text, "Error: ") {
		a.Errorf("stderr is\n%s\nwant %s in it", text, want)
	}
	tt.checkStatus(a, notify, want)
	// What is wrong with the configuration, or with the user, is found before there is a log.
	if text, err := os.ReadFile(filepath.Join(a.dir, "log", "zancudo.log")); err == nil && !want.MatchString(oneLine(string(text))) {
		a.Errorf("the log is\n%s\nwant %s in it", text, want)
	} else if err != nil && tt.status == 1 && tt.becomes == "" {
		a.Errorf("there is no log: %v", err)
	}
}

// checkStatus looks at what systemctl status would show.
func (tt *failedStart) checkStatus(a *failedAttempt, notify *net.UnixConn, want *regexp.Regexp) {
	a.Helper()
	b := make([]byte, 4096)
	notify.SetReadDeadline(time.Now().Add(patience))
	n, err := notify.Read(b)
	if err != nil {
		a.Fatalf("the service manager was told nothing: %v", err)
	}
	status, rest, _ := strings.Cut(string(b[:n]), "\n")
	if !strings.HasPrefix(status, "STATUS=") || !want.MatchString(status) {
		a.Errorf("the service manager was told %q, want %s in it", status, want)
	}
	errno := ""
	if tt.errno != 0 {
		errno = "ERRNO=" + strconv.Itoa(int(tt.errno))
	}
	if errno != "" && rest != errno {
		a.Errorf("the service manager was told %q, want %q", rest, errno)
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Over a running Mosquitto it is said which one that is, and how to go on.
func TestStartOverMosquitto(t *testing.T) {
	t.Parallel()
	mosquitto := "/usr/sbin/mosquitto"
	if _, err := os.Stat(mosquitto); err != nil {
		need(t, "mosquitto", "mosquitto")
		mosquitto = "mosquitto"
	}
	port := proctest.FreePort(t)
	other := start(t, mosquitto, "-v", "-c", write(t, "listener "+port+" 127.0.0.1\nallow_anonymous true\n"))
	other.wait(&other.stderr, " running\n")
	status, _, stderr := run(t, zancudo, "-q", "-c", open(t, port))
	want := regexp.MustCompile(`^Error: Address already in use: port ` + port + ` of 127\.0\.0\.1\. mosquitto version \S+ listens there, ` +
		`process ` + strconv.Itoa(other.cmd.Process.Pid) + ` \(mosquitto\)( of \S+)?\. Stop it, with '[^']+', or choose another port, with -p or in the configuration\. ` +
		`Debian's package zancudo-mosquitto takes its place, with its configuration and what it has stored\.\n$`)
	if status != 1 || !want.MatchString(stderr) {
		t.Errorf("status %d, stderr\n%swant\n%s", status, stderr, want)
	}
}
