package interop

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

const root = "../.." // the module's

// anotherBroker names the variable that holds the HOST:PORT of a broker to test instead of our own.
const anotherBroker = "ZANCUDO_INTEROP_BROKER"

// startBroker builds and starts the program, and returns where it listens. It is stopped when the test ends, and must
// then say goodbye with status 0.
func startBroker(t *testing.T) (host, port string) {
	t.Helper()
	if address := os.Getenv(anotherBroker); address != "" {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatalf("%s: %v", anotherBroker, err)
		}
		return host, port
	}
	host, port = "127.0.0.1", proctest.FreePort(t)
	runBroker(t, net.JoinHostPort(host, port), "-p", port)
	return host, port
}

// startConfigured builds and starts the program with a configuration, and returns its log when it listens on a port of
// 127.0.0.1. It is stopped as startBroker has it.
func startConfigured(t *testing.T, port, conf string) (printed *proctest.Output) {
	t.Helper()
	if os.Getenv(anotherBroker) != "" {
		t.Skipf("%s names another broker, and this test configures its own", anotherBroker)
	}
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return runBroker(t, net.JoinHostPort("127.0.0.1", port), "-c", file)
}

// runBroker builds the program and runs it, which listens on an address.
func runBroker(t *testing.T, address string, args ...string) (printed *proctest.Output) {
	t.Helper()
	readSources(t)
	bin := filepath.Join(t.TempDir(), "zancudo")
	compile := []string{"build", "-o", bin}
	if raceDetector() {
		compile = append(compile, "-race")
	}
	build(t, root, "go", append(compile, "./cmd/zancudo")...)
	printed = &proctest.Output{}
	cmd := exec.Command(bin, append([]string{"run"}, args...)...) // its end is in the cleanup
	cmd.Stdout, cmd.Stderr = printed, printed
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "STATE_DIRECTORY="+t.TempDir(), "ZANCUDO_USER=root") // who may write where the test does
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its status is in ProcessState
	}()
	t.Cleanup(func() { stopBroker(t, cmd, ended, printed) })
	awaitBroker(t, address, ended)
	return printed
}

func stopBroker(t *testing.T, cmd *exec.Cmd, ended <-chan struct{}, printed *proctest.Output) {
	t.Helper()
	_ = cmd.Process.Signal(os.Interrupt) // fails where it has ended by itself, which its status tells
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the broker does not stop when interrupted")
		_ = cmd.Process.Kill()
		<-ended
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the broker ended with status %d", code)
	}
	if t.Failed() {
		lines := slices.Collect(strings.Lines(printed.String()))
		t.Logf("the broker printed at last:\n%s", strings.Join(lines[max(0, len(lines)-100):], ""))
	}
}

func awaitBroker(t *testing.T, address string, ended <-chan struct{}) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatal("the broker ended before it listened")
		case <-deadline:
			t.Fatalf("the broker does not listen: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// readSources looks at every file the program is built from, so that go test runs this test again when one changes.
func readSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		hidden := name != root && strings.HasPrefix(entry.Name(), ".")
		if entry.IsDir() && (hidden || slices.Contains([]string{"node_modules", "testdata"}, entry.Name())) {
			return fs.SkipDir
		}
		if err == nil && (filepath.Ext(name) == ".go" || entry.Name() == "go.mod") {
			_, err = os.Stat(name)
		}
		if errors.Is(err, fs.ErrNotExist) { // gone meanwhile
			err = nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// raceDetector reports whether the test runs with the race detector; then the broker does as well.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
