package interop

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The exchanges, the same for every client.
var (
	// exchanges are those of all protocol versions.
	exchanges = []string{
		"qos0", "qos1", "qos2", // ten messages, in order, once each
		"retained", // stored, handed out with RETAIN, cleared
		"will",     // after a lost connection, not after DISCONNECT
		"large",    // 1,000,000 bytes in each QoS
		"largest",  // a packet just below the limit of 2,000,000 bytes
		"session",  // offline messages of QoS 1 and 2, session present
	}
	exchanges4 = []string{
		"assigned", // an empty Client Identifier
	}
	exchanges5 = []string{
		"request",       // response topic, correlation data, content type, user properties
		"expiry",        // Message Expiry Interval counts down, and ends a retained message
		"identifiers",   // of overlapping subscriptions
		"sessionexpiry", // Session Expiry Interval
		"shared",        // each message to one member, some to each
		"alias",         // Topic Alias
	}
)

// A client is a program that goes through exchanges.
type client struct {
	name     string
	versions []string
	lacks    map[string]string // exchanges that the library cannot do, and why
	// prepare returns the command up to its first argument. It skips the test when something is not installed.
	prepare func(t *testing.T) []string
}

var clients = []client{
	{name: "python", versions: []string{"3", "4", "5"}, prepare: func(t *testing.T) []string {
		t.Helper()
		python := "/usr/bin/python3" // Debian's, which has Debian's modules
		if _, err := os.Stat(python); err != nil {
			python = program(t, "python3", "python3")
		}
		if err := exec.CommandContext(t.Context(), python, "-c", "import paho.mqtt.client").Run(); err != nil {
			missing(t, "python3 has no paho.mqtt: apt-get install python3-paho-mqtt")
		}
		return []string{python, script(t, "python/exchanges.py")}
	}},
	{name: "c", versions: []string{"3", "4", "5"}, prepare: func(t *testing.T) []string {
		t.Helper()
		cc, bin := program(t, "cc", "gcc"), filepath.Join(t.TempDir(), "exchanges")
		if _, err := os.Stat("/usr/include/MQTTAsync.h"); err != nil {
			missing(t, "Paho's C library is not installed: apt-get install libpaho-mqtt-dev")
		}
		build(t, ".", cc, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-o", bin, script(t, "c/exchanges.c"), "-lpaho-mqtt3a", "-lpthread")
		return []string{bin}
	}},
	{name: "node", versions: []string{"3", "4", "5"}, prepare: func(t *testing.T) []string {
		t.Helper()
		return node(t)
	}},
	{name: "golang", versions: []string{"3", "4"}, prepare: func(t *testing.T) []string {
		t.Helper()
		return golang(t, "./v3")
	}},
	{name: "autopaho", versions: []string{"5"}, prepare: func(t *testing.T) []string {
		t.Helper()
		return golang(t, "./v5")
	}},
}

// node is the command of MQTT.js.
func node(t *testing.T) []string {
	t.Helper()
	node := program(t, "node", "nodejs")
	if _, err := os.Stat("node/node_modules/mqtt"); err != nil {
		missing(t, "MQTT.js is not installed: npm ci in test/interop/node")
	}
	script(t, "node/exchanges.js")
	return []string{node, script(t, "node/main.js")}
}

// golang builds a program of the module in the directory of that name.
func golang(t *testing.T, dir string) []string {
	t.Helper()
	download := exec.CommandContext(t.Context(), "go", "mod", "download")
	download.Dir = "golang"
	if out, err := download.CombinedOutput(); err != nil {
		missing(t, "Paho's modules for Go are not to be had: "+err.Error()+"\n"+string(out))
	}
	bin := filepath.Join(t.TempDir(), "exchanges")
	build(t, "golang", "go", "build", "-o", bin, dir)
	return []string{bin}
}

// limit is for all exchanges of one client in one version; most take seconds, expiry a little more than one.
const limit = time.Minute

func TestClients(t *testing.T) {
	host, port := startBroker(t)
	t.Run("mosquitto", func(t *testing.T) {
		t.Parallel()
		for _, version := range []string{"3", "4", "5"} {
			t.Run("v"+version, func(t *testing.T) {
				t.Parallel()
				mosquitto(t, host, port, version)
			})
		}
	})
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			command := c.prepare(t)
			for _, version := range c.versions {
				t.Run("v"+version, func(t *testing.T) {
					t.Parallel()
					c.run(t, command, host, port, version)
				})
			}
		})
	}
}

// list returns the exchanges of a protocol version.
func list(version string) []string {
	switch version {
	case "3":
		return exchanges
	case "4":
		return slices.Concat(exchanges, exchanges4)
	default:
		return slices.Concat(exchanges, exchanges4, exchanges5)
	}
}

func (c client) run(t *testing.T, command []string, host, port, version string) {
	t.Helper()
	var names []string
	for _, name := range list(version) {
		if c.lacks[name] == "" {
			names = append(names, name)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	args := slices.Concat(command[1:], []string{host, port, version, c.name + version}, names)
	cmd := exec.CommandContext(ctx, command[0], args...)
	cmd.WaitDelay = time.Second
	printed, err := cmd.CombinedOutput()
	results := map[string]string{}
	for line := range strings.Lines(string(printed)) {
		verdict, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, why, _ := strings.Cut(rest, ":")
		if verdict == "ok" || verdict == "failed" && slices.Contains(names, name) {
			results[name] = verdict + why
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			switch result := results[name]; result {
			case "ok":
			case "":
				t.Error("the client does not say how it went")
			default:
				t.Error(result)
			}
		})
	}
	switch {
	case ctx.Err() != nil:
		t.Errorf("not done after %v", limit)
	case err != nil:
		t.Error(err)
	}
	if t.Failed() {
		t.Logf("%s printed:\n%s", c.name, printed)
	}
}

// TestLacks keeps the table honest: what a client lacks is an exchange, and nothing that each client must do.
func TestLacks(t *testing.T) {
	for _, c := range clients {
		for name := range c.lacks {
			if !slices.Contains(exchanges5, name) {
				t.Errorf("%s lacks %s, which is not an exchange of MQTT 5.0", c.name, name)
			}
		}
	}
}

// program returns the path of a program, and skips the test when it is not installed.
func program(t *testing.T, name, debianPackage string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed: apt-get install "+debianPackage)
	}
	return found
}

// build runs a compiler in a directory.
func build(t *testing.T, dir, compiler string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), compiler, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(compiler), err, out)
	}
}

// missing skips the test, or fails it where everything is installed.
func missing(t *testing.T, sentence string) {
	t.Helper()
	if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
		t.Fatal(sentence)
	}
	t.Skip(sentence)
}

// script returns the absolute path of a file that a client is made of; opening it has go test notice when it changes.
func script(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(found)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	return found
}
