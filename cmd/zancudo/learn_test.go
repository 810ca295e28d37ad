//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// TestLearn shows the way to rules: let clients do what they do, write a file of
// it, and have it obeyed; and what a person sees of a client that may not.
func TestLearn(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), proctest.FreePort(t)
	base := "listener " + port + " 127.0.0.1\nallow_anonymous true\n"
	conf := write(t, base+"acl_mode learn\n")
	acl := filepath.Join(dir, "acl")
	b := startCommand(t, inRunDir(dir, zancudo, "-c", conf))
	b.wait(&b.stderr, " running\n")
	b.wait(&b.stderr, "NO ACCESS RULE IS ENFORCED")
	ask := func(args ...string) (status int, stdout, stderr string) {
		t.Helper()
		p := startCommand(t, inRunDir(dir, zancudo, args...))
		status = p.status()
		return status, p.stdout.String(), p.stderr.String()
	}
	if status, _, stderr := ask("acl", "suggest"); status != 1 || stderr != "No client has done anything yet.\n" {
		t.Errorf("nothing noted: status %d, %s", status, stderr)
	}

	behave := func(publish string) {
		t.Helper()
		for _, id := range []string{"dev1", "dev2"} {
			c := mqtttest.NewClient(t, dial(t, "127.0.0.1", port), packet.V5)
			c.Timeout = patience
			c.SendText("CONNECT v5 clean id="+id, "SUBSCRIBE 1 dev/"+id+"/cmd", "PUBLISH 1 dev/"+id+"/state qos=1 up", "DISCONNECT")
			c.Expect("CONNACK ...", "SUBACK 1 0", publish)
			c.Closed()
		}
		hub := mqtttest.NewClient(t, dial(t, "127.0.0.1", port), packet.V5)
		hub.Timeout = patience
		hub.SendText("CONNECT v5 clean id=hub username=hub", "SUBSCRIBE 1 dev/+/state", "PUBLISH 1 dev/dev1/cmd qos=1 on", "PUBLISH 2 dev/dev2/cmd qos=1 on", "DISCONNECT")
		hub.Expect("CONNACK ...", "SUBACK 1 0", publish, strings.Replace(publish, " 1", " 2", 1))
		hub.Closed()
	}
	behave("PUBACK 1 0x10")
	status, rules, stderr := ask("acl", "suggest")
	want := `# 5 rules for 3 clients of 1 user and those without a user name,
# from 7 different things that were done with 'acl_mode learn'.
# Read them before you use them: whatever was done is allowed.

# Everybody: %u stands for the user name, %c for the client identifier.
# 2 clients, dev1 and dev2:
pattern read dev/%c/cmd
# 2 clients, dev1 and dev2:
pattern write dev/%c/state

# With 1 client, hub.
user hub
topic read dev/+/state
topic write dev/dev1/cmd
topic write dev/dev2/cmd
`

	if status != 0 || rules != want || stderr != "" {
		t.Errorf("status %d, %s\n%s", status, stderr, rules)
	}

	if err := os.WriteFile(acl, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte(base+"acl_file "+acl+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, stdout, stderr := ask("reload"); status != 0 || !strings.Contains(stdout, "~acl_mode learn → enforce\n") {
		t.Fatalf("reload: status %d, %s%s", status, stdout, stderr)
	}
	behave("PUBACK 1 0x10")

	c := mqtttest.NewClient(t, dial(t, "127.0.0.1", port), packet.V5)
	c.Timeout = patience
	c.SendText("CONNECT v5 clean id=dev1", "PUBLISH 1 dev/dev2/state qos=1 up")
	c.Expect("CONNACK ...", "PUBACK 1 0x87")
	b.wait(&b.stderr, "Warning: Client dev1 may not publish to 'dev/dev2/state': "+acl+": no rule allows it.\n")
	status, stdout, _ := ask("explain", "-i", "dev1", "publish", "dev/dev2/state")
	if status != 1 || !strings.HasPrefix(stdout, "Client dev1, without a user name, may not publish to 'dev/dev2/state'.\n") {
		t.Errorf("explain: status %d, %s", status, stdout)
	}
	hub := mqtttest.NewClient(t, dial(t, "127.0.0.1", port), packet.V5)
	hub.Timeout = patience
	hub.SendText("CONNECT v5 clean id=hub username=hub")
	hub.Expect("CONNACK ...")
	if status, stdout, _ := ask("explain", "-i", "hub", "receive", "dev/x/state"); status != 0 || !strings.HasPrefix(stdout, "Client hub, user hub, may receive 'dev/x/state'.\n") {
		t.Errorf("explain: status %d, %s", status, stdout)
	}
	status, stdout, _ = ask("explain", "-u", "hub", "publish", "dev/dev2/cmd")
	if status != 0 || !strings.Contains(stdout, "✓ "+acl+":15  user hub: topic write dev/dev2/cmd  allows\n") {
		t.Errorf("explain: status %d, %s", status, stdout)
	}
	status, stdout, stderr = ask("acl", "suggest", "--json") // the notes are there still
	if status != 0 || !strings.Contains(stdout, `"uses":7`) {
		t.Errorf("suggest: status %d, %s%s", status, stdout, stderr)
	}
}
