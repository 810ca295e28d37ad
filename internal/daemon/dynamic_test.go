package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/dynsec"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// ruler is a client that gives commands to dynamic security.
type ruler struct {
	*mqtttest.Client
	t *testing.T
	n int
}

func (r *reloadable) ruler(port int, secret string) *ruler {
	r.t.Helper()
	c := r.connect(port, "v5 id=ruler clean username=admin password="+secret, "...")
	c.SendText("SUBSCRIBE 1 $CONTROL/dynamic-security/v1/response")
	c.Expect("SUBACK 1 0")
	return &ruler{Client: c, t: r.t}
}

// do gives one command, of which fields are JSON, and returns the error in the
// answer, which comes before the acknowledgement.
func (r *ruler) do(command, fields string) string {
	r.t.Helper()
	r.n++
	id := uint16(100 + r.n)
	payload := fmt.Sprintf(`{"commands":[{"command":%q,%s}]}`, command, fields)
	r.Send(&packet.Publish{PacketID: id, Message: packet.Message{Topic: dynsec.Topic, QoS: 1, Payload: []byte(payload)}})
	p, ok := r.Read().(*packet.Publish)
	if !ok || p.Topic != dynsec.Topic+"/response" {
		r.t.Fatalf("%s is answered by %v", payload, p)
	}
	r.Expect(fmt.Sprintf("PUBACK %d", id))
	var answer struct{ Responses []struct{ Error string } }
	if err := json.Unmarshal(p.Payload, &answer); err != nil || len(answer.Responses) != 1 {
		r.t.Fatalf("%s is answered by %s", payload, p.Payload)
	}
	return answer.Responses[0].Error
}

func (r *ruler) must(command, fields string) {
	r.t.Helper()
	if err := r.do(command, fields); err != "" {
		r.t.Fatalf("%s %s: %s", command, fields, err)
	}
}

// Dynamic security begins with a file of its own and a password that nobody
// knows; commands take effect at once, and who is concerned must connect again.
func TestDynamicSecurity(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	file := filepath.Join(t.TempDir(), "dynamic.json")
	plugin := "plugin mosquitto_dynamic_security.so\nplugin_opt_config_file " + file + "\n"
	text := fmt.Sprintf("%sallow_anonymous true\nlistener %d 127.0.0.1\n", plugin, ports[0])
	r := startReloadable(t, text)
	note, err := os.ReadFile(file + ".pw")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + ".pw"} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	user, secret, _ := strings.Cut(strings.TrimSpace(string(note)), " ")
	if user != "admin" || strings.Contains(r.log.String(), secret) {
		t.Errorf("the user is %q; the password must not be in the log", user)
	}
	admin := r.ruler(ports[0], secret)

	anonymous := r.connect(ports[0], "v5 id=anonymous clean", "...")
	anonymous.SendText("SUBSCRIBE 1 a", "PUBLISH 2 a qos=1 x", "PUBLISH 3 "+dynsec.Topic+" qos=1 x")
	anonymous.Expect("SUBACK 1 0x87", "PUBACK 2 0x87 ...", "PUBACK 3 0x87 ...")

	admin.must("createRole", `"rolename":"reader","acls":[{"acltype":"subscribePattern","topic":"a/#","allow":true},{"acltype":"unsubscribeLiteral","topic":"a/keep"}]`)
	admin.must("createRole", `"rolename":"writer","acls":[{"acltype":"publishClientSend","topic":"a/%u","allow":true}]`)
	admin.must("createClient", `"username":"ann","password":"secret","roles":[{"rolename":"reader"},{"rolename":"writer"}]`)
	if got := admin.do("createClient", `"username":"ann"`); got != "Client already exists" {
		t.Errorf("again: %q", got)
	}
	r.connect(ports[0], "v5 id=other clean username=ann password=wrong", "0x87 ...").Closed()
	ann := r.connect(ports[0], "v5 id=ann clean username=ann password=secret", "...")
	ann.SendText("SUBSCRIBE 1 a/# b a/keep", "PUBLISH 2 a/ann qos=1 x", "PUBLISH 3 a/bob qos=1 x")
	ann.Expect("SUBACK 1 0 0x87 0", "PUBLISH a/ann x", "PUBACK 2", "PUBACK 3 0x87 ...")
	ann.SendText("UNSUBSCRIBE 4 a/keep a/#")
	ann.Expect("UNSUBACK 4 0x87 0")
	admin.must("removeClientRole", `"username":"ann","rolename":"writer"`)
	other := r.connect(ports[0], "v5 id=other clean username=ann password=secret", "...")
	ann.Expect("DISCONNECT 0x98 ...")
	ann.Closed()
	alive(anonymous)
	ann = r.connect(ports[0], "v5 id=ann clean username=ann password=secret", "...")
	alive(other) // it has come with the new rights
	ann.SendText("PUBLISH 2 a/ann qos=1 x")
	ann.Expect("PUBACK 2 0x87 ...")

	// By a listener without it nobody can give commands.
	perListener := fmt.Sprintf("per_listener_settings true\nlistener %d 127.0.0.1\n%sallow_anonymous true\nlistener %d 127.0.0.1\nallow_anonymous true\n", ports[0], plugin, ports[1])
	if _, err := r.reload(perListener); err != nil {
		t.Fatal(err)
	}
	alive(ann)
	stranger := r.connect(ports[1], "v5 id=stranger clean username=admin", "...")
	stranger.SendText("PUBLISH 1 "+dynsec.Topic+" qos=1 x", "SUBSCRIBE 2 "+dynsec.Topic+"/response a", "PUBLISH 3 b qos=1 x")
	stranger.Expect("PUBACK 1 0x87 ...", "SUBACK 2 0x87 0", "PUBACK 3 0x10")

	// What is written by hand is in force after a reload, if it makes sense.
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.reload(perListener); err == nil || !strings.Contains(err.Error(), "makes no sense") {
		t.Errorf("a broken file: %v", err)
	}
	alive(ann)
	if err := os.WriteFile(file, []byte(strings.Replace(string(written), `"username": "ann"`, `"username": "eve"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.reload(perListener); err != nil {
		t.Fatal(err)
	}
	ann.Expect("DISCONNECT 0x87 ...")
	ann.Closed()
	r.connect(ports[0], "v5 id=eve clean username=eve password=secret", "...")
	admin.must("deleteClient", `"username":"eve"`)
}

// A password file serves whom dynamic security does not know.
func TestDynamicSecurityAndAPasswordFile(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	users := newUsersFile(t, "ann:secret", "admin:other")
	rules := filepath.Join(t.TempDir(), "acl")
	if err := os.WriteFile(rules, []byte("user ann\ntopic ann\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	init := filepath.Join(t.TempDir(), "init")
	if err := os.WriteFile(init, []byte("first secret\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startReloadable(t, fmt.Sprintf("plugin mosquitto_dynamic_security.so\nplugin_opt_config_file %s\nplugin_opt_password_init_file %s\npassword_file %s\nacl_file %s\nlistener %d 127.0.0.1\n",
		filepath.Join(t.TempDir(), "d.json"), init, users.path, rules, port))
	ann := r.connect(port, "v5 id=ann clean username=ann password=secret", "...")
	ann.SendText("PUBLISH 1 ann qos=1 x", "PUBLISH 2 other qos=1 x", "PUBLISH 3 "+dynsec.Topic+" qos=1 x")
	ann.Expect("PUBACK 1 0x10", "PUBACK 2 0x87 ...", "PUBACK 3 0x87 ...")
	r.connect(port, "v5 id=admin clean username=admin password=other", "0x87 ...")
	r.connect(port, `v5 id=admin clean username=admin password="first secret"`, "...")
	r.connect(port, "v5 id=anonymous clean", "0x87 ...")
}
