package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// TestHAProxy puts HAProxy in front, which tells of each client in a PROXY header, of version 1 and of version 2.
func TestHAProxy(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	sub, pub := program(t, "mosquitto_sub", "mosquitto-clients"), program(t, "mosquitto_pub", "mosquitto-clients")
	behind := []string{proctest.FreePort(t), proctest.FreePort(t)}
	front := []string{proctest.FreePort(t), proctest.FreePort(t)}
	conf := "allow_anonymous true\nlistener " + behind[0] + " 127.0.0.1\nenable_proxy_protocol 1\n" +
		"listener " + behind[1] + " 127.0.0.1\nenable_proxy_protocol 2\n"
	proxy := "global\n\tmaxconn 100\ndefaults\n\tmode tcp\n\ttimeout connect 5s\n\ttimeout client 60s\n\ttimeout server 60s\n"
	const section = "listen mqtt%s\n\tbind 127.0.0.1:%s\n\tserver broker 127.0.0.1:%s send-proxy%s check inter 100ms\n"
	proxy += fmt.Sprintf(section, "1", front[0], behind[0], "") + fmt.Sprintf(section, "2", front[1], behind[1], "-v2")
	printed := startConfigured(t, behind[0], conf)
	startProxy(t, haproxy, proxy)
	for i, port := range front {
		got := make(chan string, 1)
		cmd := exec.Command(sub, "-p", port, "-t", "a", "-i", fmt.Sprintf("behind%d", i+1), "-C", "1", "-W", "30")
		go func() {
			text, _ := cmd.Output() // what it printed says how it went
			got <- string(text)
		}()
		await(t, printed, fmt.Sprintf(" as behind%d (", i+1))
		if out, err := exec.Command(pub, "-p", port, "-t", "a", "-m", "hello").CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_pub: %v\n%s", err, out)
		}
		if text := <-got; text != "hello\n" {
			t.Errorf("through version %d came %q", i+1, text)
		}
	}
	// HAProxy looks every tenth of a second whether the broker is there; that is no news.
	log := printed.String()
	if connections := strings.Count(log, "New connection from"); connections != 4 {
		t.Errorf("%d connections are logged, want those of four clients:\n%s", connections, log)
	}
	if strings.Contains(log, "rejected") {
		t.Errorf("something was rejected:\n%s", log)
	}
}

// startProxy runs HAProxy until the end of the test.
func startProxy(t *testing.T, haproxy, conf string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(haproxy, "-db", "-f", file)
	printed := &proctest.Output{}
	cmd.Stdout, cmd.Stderr = printed, printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has nothing to save
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("haproxy printed\n%s", printed)
		}
	})
	for line := range strings.SplitSeq(conf, "\n") {
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), "bind "); ok {
			awaitBroker(t, address, nil)
		}
	}
}

// await waits until a program has printed a text.
func await(t *testing.T, printed *proctest.Output, text string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !strings.Contains(printed.String(), text); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%q is not in\n%s", text, printed)
		}
	}
}
