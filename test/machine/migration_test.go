//go:build linux

package machine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a user of Mosquitto has: users, rules, and a listener for the network.
const (
	mosquittoConf = `listener 1883
allow_anonymous false
password_file /etc/mosquitto/passwords
acl_file /etc/mosquitto/acl
`
	mosquittoACL = `user alice
topic readwrite plant/#

user bob
topic read plant/#

pattern readwrite users/%u/#
`
	queued = 20
)

// TestMigration puts Zancudo in the place of Debian's Mosquitto, and goes back. The clients are Debian's, on the host, and
// must not notice.
func TestMigration(t *testing.T) {
	ask(t)
	dir := packages(t, "1.0.0")
	c := newComputer(t, "installed")
	c.boot()
	zancudo, instead := c.put(deb(t, dir, "zancudo")), c.put(deb(t, dir, "zancudo-mosquitto"))
	c.mosquitto()
	c.must(t, "bob", "mosquitto_sub", "-i", "bob-1", "-c", "-q", "1", "-t", "plant/#", "-E")
	c.must(t, "alice", "mosquitto_pub", "-t", "plant/state", "-m", "on", "-r", "-q", "1")
	c.must(t, "alice", "mosquitto_pub", "-t", "users/alice/secret", "-m", "for alice", "-r", "-q", "1")
	before := c.decisions(t)
	t.Logf("what clients see of Mosquitto:\n%s", strings.Join(before, "\n"))
	var want []string
	for n := range queued {
		c.must(t, "alice", "mosquitto_pub", "-t", "plant/count", "-m", strconv.Itoa(n), "-q", "1")
		want = append(want, fmt.Sprint("plant/count ", n))
	}

	c.besides(t, zancudo)
	out := c.run("apt-get -q install -y " + instead)
	c.replaced(t, "zancudo-mosquitto", out)
	c.note("Zancudo is in the place of Mosquitto: %s", strings.TrimSpace(c.run("grep 'Took over' /var/log/mosquitto/mosquitto.log | cut -d ' ' -f 2-")))
	c.compare(t, "Zancudo", before)
	heard := c.must(t, "bob", "mosquitto_sub", "-i", "bob-1", "-c", "-q", "1", "-t", "plant/#", "-v", "-W", "30")
	got := slices.DeleteFunc(strings.Split(strings.TrimSpace(heard), "\n"), func(line string) bool { return !strings.HasPrefix(line, "plant/count ") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was queued with Mosquitto, and came from Zancudo (-want +got):\n%s", diff)
	}
	c.note("%d messages that were queued with Mosquitto came from Zancudo", len(got))
	// The tools of that name are on the machine, and do the same.
	c.run(`mosquitto_pub -h localhost -u alice -P wonderland -t plant/tool -m made -r -q 1 &&
		test "$(mosquitto_sub -h localhost -u bob -P builder -t plant/tool -C 1 -W 60)" = made &&
		mosquitto_pub -h localhost -u alice -P wonderland -t plant/tool -n -r -q 1`)

	out = c.run("apt-get -q install -y /opt/mosquitto/mosquitto_*.deb /opt/mosquitto/mosquitto-clients_*.deb")
	c.replaced(t, "mosquitto", out)
	c.compare(t, "Mosquitto, after the way back,", before)
	c.note("and back")
}

// mosquitto installs Debian's and configures it.
func (c *computer) mosquitto() {
	c.t.Helper()
	c.run("dpkg -i /opt/mosquitto/*.deb")
	c.run(fmt.Sprintf("cat >/etc/mosquitto/conf.d/network.conf <<'END'\n%sEND\ncat >/etc/mosquitto/acl <<'END'\n%sEND\n", mosquittoConf, mosquittoACL) + `
		mosquitto_passwd -c -b /etc/mosquitto/passwords alice wonderland &&
		mosquitto_passwd -b /etc/mosquitto/passwords bob builder &&
		chown mosquitto /etc/mosquitto/passwords /etc/mosquitto/acl && chmod 0600 /etc/mosquitto/passwords &&
		systemctl restart mosquitto && systemctl is-active mosquitto`)
	c.note("Debian's Mosquitto %s runs", strings.TrimSpace(c.run("dpkg-query -W -f '${Version}' mosquitto")))
}

// besides installs Zancudo where Mosquitto has the port: it is told so, with the ways to go on, and Mosquitto runs on.
func (c *computer) besides(t *testing.T, file string) {
	t.Helper()
	said := c.run("dpkg -i " + file)
	for _, want := range []string{"1883", "apt install zancudo-mosquitto", "systemctl disable --now mosquitto"} {
		if !strings.Contains(said, want) {
			t.Errorf("installed over a running Mosquitto, it does not say %q:\n%s", want, said)
		}
	}
	c.run("systemctl is-active mosquitto && ! systemctl is-active zancudo")
	t.Logf("installed over a running Mosquitto, it says\n%s", said)
}

// replaced is that the service runs and belongs to a package.
func (c *computer) replaced(t *testing.T, name, said string) {
	t.Helper()
	if out := c.run("dpkg -S /usr/sbin/mosquitto"); !strings.HasPrefix(out, name+":") {
		t.Fatalf("the program is of another package: %s\n%s", out, said)
	}
	if out, status, err := c.try("systemctl is-active mosquitto"); err != nil || status != 0 {
		log, _, _ := c.try("systemctl status mosquitto zancudo --no-pager; journalctl -u mosquitto -b --no-pager -n 40")
		t.Fatalf("the service of %s is %s, %v\n%s\n%s", name, out, err, log, said)
	}
}

// as is how a client calls a tool of the host.
func (c *computer) as(user string, call []string) (string, error) {
	c.t.Helper()
	passwords := map[string]string{"alice": "wonderland", "bob": "builder"}
	args := append([]string{"-h", "127.0.0.1", "-p", c.ports["1883"]}, call[1:]...)
	if password, known := passwords[user]; known {
		args = append(args, "-u", user, "-P", password)
	}
	return c.host(call[0], args...)
}

func (c *computer) must(t *testing.T, user string, call ...string) string {
	t.Helper()
	out, err := c.as(user, call)
	// Who listens for a time ends with status 27.
	if err != nil && (!slices.Contains(call, "-W") || err.Error() != "exit status 27") {
		t.Fatalf("%s, %s: %v\n%s", user, strings.Join(call, " "), err, out)
	}
	return out
}

// decisions are what clients see that may, and that may not: calls with their output and status.
func (c *computer) decisions(t *testing.T) []string {
	t.Helper()
	publish := []string{"mosquitto_pub", "-V", "5", "-q", "1", "-m", "x", "-t"}
	read := []string{"mosquitto_sub", "-V", "5", "-q", "1", "-v", "--retained-only", "-W", "20", "-t"}
	var seen []string
	for _, d := range []struct {
		user  string
		call  []string
		topic string
	}{
		{"alice", publish, "plant/a"},
		{"alice", publish, "other/a"},
		{"alice", publish, "users/alice/a"},
		{"alice", publish, "users/bob/a"},
		{"bob", publish, "plant/a"},
		{"bob", publish, "users/bob/a"},
		{"nobody", publish, "plant/a"},
		{"alice", append([]string{publish[0], "-u", "alice", "-P", "wrong"}, publish[1:]...), "plant/a"},
		{"alice", read, "#"},
		{"bob", read, "#"},
	} {
		user := d.user
		if slices.Contains(d.call, "wrong") {
			user = "with a wrong password"
		}
		out, err := c.as(user, append(slices.Clone(d.call), d.topic))
		lines := strings.Split(strings.TrimSpace(out), "\n")
		slices.Sort(lines)
		seen = append(seen, fmt.Sprintf("%s: %s %s: %v, %q", user, d.call[0], d.topic, err, lines))
	}
	return seen
}

func (c *computer) compare(t *testing.T, broker string, before []string) {
	t.Helper()
	if diff := cmp.Diff(before, c.decisions(t)); diff != "" {
		t.Errorf("%s decides in another way than Mosquitto did (-Mosquitto +now):\n%s", broker, diff)
	}
}
