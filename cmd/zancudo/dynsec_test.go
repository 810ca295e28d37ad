package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// dynamicCommands are what an administrator types into mosquitto_ctrl, one after
// the other.
var dynamicCommands = []string{
	"getDefaultACLAccess",
	"getAnonymousGroup",
	"createRole sensor",
	"createRole sensor",
	"addRoleACL sensor publishClientSend state/%u/# allow 5",
	"addRoleACL sensor publishClientSend state/%u/# deny",
	"addRoleACL sensor publishClientReceive cmd/%c allow",
	"addRoleACL sensor subscribeLiteral cmd/# allow -3",
	"addRoleACL sensor subscribePattern shared/# deny 9",
	"addRoleACL sensor unsubscribePattern # allow",
	"getRole sensor",
	"removeRoleACL sensor subscribeLiteral cmd/#",
	"getRole sensor",
	"getRole none",
	"createRole other",
	"listRoles",
	"listRoles 1 1",
	"createGroup things",
	"addGroupRole things sensor 7",
	"addGroupRole things none",
	"createGroup empty",
	"listGroups",
	"getGroup things",
	"createClient lamp -p lightsecret -c lamp-1",
	"createClient lamp -p other",
	"createClient fan -p windsecret",
	"addClientRole fan other 3",
	"addClientRole fan none",
	"addGroupClient things lamp 4",
	"addGroupClient things fan",
	"addGroupClient things nobody",
	"getClient lamp",
	"getClient fan",
	"listClients",
	"listClients 1",
	"getGroup things",
	"setClientId lamp lamp-2",
	"disableClient lamp",
	"getClient lamp",
	"enableClient lamp",
	"setClientPassword lamp newsecret",
	"removeClientRole fan other",
	"removeGroupClient things fan",
	"removeGroupRole things sensor",
	"setAnonymousGroup things",
	"getAnonymousGroup",
	"deleteGroup empty",
	"deleteGroup empty",
	"deleteRole other",
	"deleteClient fan",
	"deleteClient fan",
	"listClients",
	"listGroups",
}

// dynamicBroker is a broker with dynamic security.
type dynamicBroker struct {
	port, file string
	process    *process
}

func startDynamic(t *testing.T, program string, file []byte) *dynamicBroker {
	t.Helper()
	dir := t.TempDir()
	b := &dynamicBroker{port: proctest.FreePort(t), file: filepath.Join(dir, "dynamic-security.json")}
	if err := os.WriteFile(b.file, file, 0o600); err != nil {
		t.Fatal(err)
	}
	plugin, err := filepath.Glob("/usr/lib/*/mosquitto_dynamic_security.so")
	if err != nil || len(plugin) == 0 {
		plugin = []string{"mosquitto_dynamic_security.so"}
	}
	conf := "per_listener_settings false\nplugin " + plugin[0] + "\nplugin_opt_config_file " + b.file + "\nlistener " + b.port + " 127.0.0.1\nallow_anonymous false\n"
	if os.Getuid() == 0 {
		conf += "user root\n"
	}
	path := filepath.Join(dir, "broker.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	b.process = start(t, program, "-c", path)
	b.process.wait(&b.process.stderr, "running")
	return b
}

// ctrl runs mosquitto_ctrl as the administrator and returns all it says.
func (b *dynamicBroker) ctrl(t *testing.T, command string) string {
	t.Helper()
	args := append([]string{"-h", "127.0.0.1", "-p", b.port, "-u", "admin", "-P", "adminsecret", "dynsec"}, strings.Fields(command)...)
	status, stdout, stderr := run(t, "mosquitto_ctrl", args...)
	return strings.TrimSpace(stdout+stderr) + map[bool]string{true: "", false: " (fails)"}[status == 0]
}

// admits reports whether a client can connect and publish to a topic.
func (b *dynamicBroker) admits(t *testing.T, user, secret, id, topic string) string {
	t.Helper()
	status, _, stderr := run(t, "mosquitto_pub", "-h", "127.0.0.1", "-p", b.port, "-u", user, "-P", secret, "-i", id, "-t", topic, "-m", "x", "-q", "1", "-V", "mqttv5")
	return strings.TrimSpace(stderr) + map[bool]string{true: "", false: " (fails)"}[status == 0]
}

// told is what a command says. Of errors that Mosquitto words otherwise, or calls
// internal, only that there is one.
func told(s string) string {
	if _, problem, found := strings.Cut(s, "Error: "); found && !strings.Contains(s, "Usage") {
		return "error " + map[bool]string{true: problem}[strings.Contains(problem, "not found") || strings.Contains(problem, "already exists")]
	}
	return s
}

// The same commands do the same in both brokers, and what either has written the
// other reads: its clients have their rights.
func TestDynamicSecurityAsMosquitto(t *testing.T) {
	t.Parallel()
	need(t, "mosquitto", "mosquitto")
	need(t, "mosquitto_ctrl", "mosquitto")
	need(t, "mosquitto_pub", "mosquitto-clients")
	path := filepath.Join(t.TempDir(), "new.json")
	if status, stdout, stderr := run(t, "mosquitto_ctrl", "dynsec", "init", path, "admin", "adminsecret"); status != 0 {
		t.Fatalf("mosquitto_ctrl dynsec init: %s%s", stdout, stderr)
	}
	fresh, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := startDynamic(t, zancudo, fresh), startDynamic(t, "mosquitto", fresh)
	for _, command := range dynamicCommands {
		got, want := told(ours.ctrl(t, command)), told(theirs.ctrl(t, command))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: Mosquitto (-) and Zancudo (+) say\n%s", command, diff)
		}
		if strings.HasPrefix(command, "get") || strings.HasPrefix(command, "list") {
			sameOutput(t, ours, command)
			sameOutput(t, theirs, command)
		}
	}
	sameRights(t, ours, theirs)
	if got := ours.ctrl(t, "setDefaultACLAccess publishClientSend allow"); strings.Contains(got, "Error") { // Mosquitto 2.0 passes that over
		t.Error(got)
	}
	if got := ours.ctrl(t, "getDefaultACLAccess"); !strings.Contains(got, "publishClientSend    : allow") {
		t.Errorf("the default is\n%s", got)
	}
	ours.ctrl(t, "setDefaultACLAccess publishClientSend deny")
	if diff := cmp.Diff(withoutSecrets(t, theirs.file), withoutSecrets(t, ours.file)); diff != "" {
		t.Errorf("the files of Mosquitto (-) and Zancudo (+) differ:\n%s", diff)
	}
	byOurs, err := os.ReadFile(ours.file)
	if err != nil {
		t.Fatal(err)
	}
	byTheirs, err := os.ReadFile(theirs.file)
	if err != nil {
		t.Fatal(err)
	}
	sameRights(t, startDynamic(t, zancudo, byTheirs), startDynamic(t, "mosquitto", byOurs))
}

// sameOutput asks a broker with both tools.
func sameOutput(t *testing.T, b *dynamicBroker, command string) {
	t.Helper()
	args := append([]string{"-h", "127.0.0.1", "-p", b.port, "-u", "admin", "-P", "adminsecret", "dynsec"}, strings.Fields(command)...)
	status, want, _ := run(t, "mosquitto_ctrl", args...)
	cmd := exec.Command(zancudo, args...)
	cmd.Args[0] = "mosquitto_ctrl"
	p := startCommand(t, cmd)
	if got := p.status(); got != status || p.stdout.String() != want {
		t.Errorf("%s: mosquitto_ctrl ends with %d and\n%s\nours with %d and\n%s%s", command, status, want, got, &p.stdout, &p.stderr)
	}
}

func sameRights(t *testing.T, ours, theirs *dynamicBroker) {
	t.Helper()
	for _, c := range [][4]string{
		{"lamp", "newsecret", "lamp-2", "state/lamp/on"},
		{"lamp", "newsecret", "lamp-1", "state/lamp/on"},
		{"lamp", "lightsecret", "lamp-2", "state/lamp/on"},
		{"fan", "windsecret", "fan", "state/fan/on"},
		{"admin", "adminsecret", "x", "a"},
		{"admin", "adminsecret", "x", "$CONTROL/dynamic-security/v1"},
		{"admin", "adminsecret", "x", "$SYS/a"},
		{"lamp", "newsecret", "lamp-2", "$CONTROL/dynamic-security/v1"},
	} {
		if got, want := ours.admits(t, c[0], c[1], c[2], c[3]), theirs.admits(t, c[0], c[1], c[2], c[3]); got != want {
			t.Errorf("%q: got %q, Mosquitto says %q", c, got, want)
		}
	}
}

// withoutSecrets is a file as Mosquitto 2.0 writes it, without passwords.
func withoutSecrets(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	clients, _ := all["clients"].([]any)
	for _, c := range clients {
		fields, _ := c.(map[string]any)
		for _, key := range []string{"password", "salt", "iterations"} {
			if _, there := fields[key]; there {
				fields[key] = "…"
			}
		}
	}
	roles, _ := all["roles"].([]any)
	for _, r := range roles { // one keeps the rules in their order, the other does not
		role, _ := r.(map[string]any)
		delete(role, "allowwildcardsubs")
		rules, _ := role["acls"].([]any)
		slices.SortFunc(rules, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	delete(all, "changeIndex") // of 2.1
	return all
}
