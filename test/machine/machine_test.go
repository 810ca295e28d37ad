//go:build linux

package machine

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const cuts = 3 // unless ZANCUDO_MACHINE_CUTS says how many

// TestMachine is the life of a package on a machine: installed, opened to the network, under load when the power fails,
// upgraded, removed.
func TestMachine(t *testing.T) {
	ask(t)
	rounds := cuts
	if text := os.Getenv("ZANCUDO_MACHINE_CUTS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 1 {
			t.Fatalf("ZANCUDO_MACHINE_CUTS is %q, not a number of cuts", text)
		}
	}
	first, second := packages(t, "1.0.0"), packages(t, "1.0.1")
	c := newComputer(t, "installed")
	c.boot()
	c.install(deb(t, first, "zancudo"))
	l := c.openToNetwork()
	c.reload(l)
	for i := range rounds {
		c.survive(l, i)
	}
	l.judge(t, rounds)
	c.sandbox()
	c.watchdog()
	c.mistake()
	c.socket()
	c.upgrade(l, deb(t, second, "zancudo"))
	c.remove()
}

// install is what the user types first, and what is there then.
func (c *computer) install(file string) {
	c.t.Helper()
	path := c.put(file)
	began := time.Now()
	said := c.run("dpkg -i " + path)
	c.note("installed in %.0f s", time.Since(began).Seconds())
	c.active()
	if status := c.run("systemctl status zancudo --no-pager"); !strings.Contains(status, "port 1883 of localhost") {
		c.t.Errorf("the status does not say where it listens:\n%s", status)
	}
	if out := c.run("ss -Hltn"); !regexp.MustCompile(`127\.0\.0\.1:1883\b`).MatchString(out) || strings.Contains(out, "*:1883") || strings.Contains(out, "0.0.0.0:1883") {
		c.t.Errorf("it should listen on port 1883 of the loopback addresses only:\n%s\n%s", out, said)
	}
	c.run("systemctl is-enabled zancudo")
	// Nothing of it can be reached from another machine.
	if out, err := c.host("mosquitto_pub", "-h", "127.0.0.1", "-p", c.ports["1883"], "-t", "a", "-m", "b"); err == nil {
		c.t.Errorf("the network can publish before anybody has opened it: %s", out)
	}
}

// active is that the service runs.
func (c *computer) active() {
	c.t.Helper()
	if out, status, err := c.try("systemctl is-active zancudo"); err != nil || status != 0 {
		log, _, _ := c.try("systemctl status zancudo --no-pager; journalctl -u zancudo -b --no-pager -n 40")
		c.t.Fatalf("the service is %s, %v\n%s", out, err, log)
	}
}

// openToNetwork is what docs/running-as-a-service.md says, and a look from the host with Debian's tools.
func (c *computer) openToNetwork() *load {
	c.t.Helper()
	out := c.run("zancudo init --overwrite --yes --user alice --name localhost")
	password := c.password(out)
	if restart := "systemctl restart zancudo"; !strings.Contains(out, "\n  "+restart+"\n") {
		c.t.Errorf("zancudo init does not say %q:\n%s", restart, out)
	}
	c.run("systemctl restart zancudo")
	c.active()
	authority := c.run("cat /etc/zancudo/ca.crt")
	file := c.dir + "/ca.crt"
	if err := os.WriteFile(file, []byte(authority), 0o600); err != nil {
		c.t.Fatal(err)
	}
	with := []string{"-h", "localhost", "-p", c.ports["8883"], "--cafile", file, "-u", "alice", "-P", password, "-q", "1"}
	if out, err := c.host("mosquitto_pub", append(with, "-t", "alice/hello", "-m", "from the host", "-r")...); err != nil {
		c.t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
	c.heard = func() {
		c.t.Helper()
		if out, err := c.host("mosquitto_sub", append(with, "-t", "alice/hello", "-C", "1", "-W", "300")...); err != nil || out != "from the host\n" {
			c.t.Errorf("mosquitto_sub: %v, it got %q", err, out)
		}
	}
	c.heard()
	if out, err := c.host("mosquitto_pub", "-h", "localhost", "-p", c.ports["8883"], "--cafile", file, "-t", "a", "-m", "b"); err == nil {
		c.t.Errorf("a stranger can publish: %s", out)
	}
	c.note("open to the network with TLS; Debian's mosquitto_pub and mosquitto_sub have published and subscribed")
	return newLoad(c, "alice", password, authority)
}

// password is what 'zancudo init' has said of it.
func (c *computer) password(said string) string {
	c.t.Helper()
	found := regexp.MustCompile(`Password +(\S+)`).FindStringSubmatch(said)
	if found == nil {
		c.t.Fatalf("zancudo init shows no password:\n%s", said)
	}
	return found[1]
}

// reload takes a change of the configuration in; the client that is there stays.
func (c *computer) reload(l *load) {
	c.t.Helper()
	// What an editor has not synced, a cut a moment later takes.
	c.run(`printf 'max_queued_messages 0\nmax_queued_bytes 0\n' >/etc/zancudo/conf.d/queues.conf && sync /etc/zancudo/conf.d/queues.conf
		zancudo check /etc/zancudo/zancudo.conf && systemctl reload zancudo && systemctl is-active zancudo`)
	if err := l.listener.client.Err(); err != nil {
		c.t.Errorf("a reload ends a connection: %v", err)
	}
	if log := c.run("journalctl -u zancudo -b -o cat --no-pager -n 20"); !strings.Contains(log, "max_queued_messages 1000 → 0") {
		c.t.Errorf("the log says nothing of what was reloaded:\n%s", log)
	}
}

// survive cuts the power under load, and looks for what was acknowledged.
func (c *computer) survive(l *load, round int) {
	c.t.Helper()
	l.press(400 + c.random.IntN(800))
	// That the cut takes what it should: one file is on the disk, the other nowhere.
	c.run(fmt.Sprintf("echo certain >/root/certain-%[1]d && sync /root/certain-%[1]d && echo hope >/root/hope-%[1]d", round))
	l.crash()
	c.cut()
	c.boot()
	if out := c.run(fmt.Sprintf("cat /root/certain-%[1]d; cat /root/hope-%[1]d 2>/dev/null || true", round)); out != "certain\n" {
		c.t.Errorf("the cut was none: of a file that was synced and one that was not, there is\n%s", out)
	}
	c.active()
	c.note("%s", strings.TrimSpace(c.run("journalctl -u zancudo -b -o cat --no-pager | grep 'store read'")))
	l.settle(c.t)
	c.heard()
}

// sandbox looks for what the sandbox took from the broker, and what it takes from others.
func (c *computer) sandbox() {
	c.t.Helper()
	out := c.run("systemd-analyze security zancudo --no-pager | tail -n 1")
	score := regexp.MustCompile(`: ([0-9.]+) `).FindStringSubmatch(out)
	if score == nil {
		c.t.Fatalf("systemd-analyze says %q", out)
	}
	if f, err := strconv.ParseFloat(score[1], 64); err != nil || f > 2.0 {
		c.t.Errorf("exposure %s", out)
	}
	c.note("systemd-analyze security: %s", score[1])
	status := c.run("cat /proc/$(systemctl show -P MainPID zancudo)/status")
	for _, want := range []string{"Seccomp:\t2", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(status, want) {
			c.t.Errorf("the process has no %q:\n%s", want, status)
		}
	}
	log := c.run("journalctl -u zancudo -b -o cat --no-pager")
	for _, bad := range []string{"not permitted", "permission denied", "read-only file system", "panic", "seccomp"} {
		if strings.Contains(strings.ToLower(log), bad) {
			c.t.Errorf("the log speaks of %q:\n%s", bad, log)
		}
	}
	if log := c.run("journalctl -u zancudo -b -p warning -o cat --no-pager"); strings.TrimSpace(strings.ReplaceAll(log, "-- No entries --", "")) != "" {
		c.t.Errorf("the log has warnings:\n%s", log)
	}
}

// watchdog stops the process where it is; systemd notices, and starts another.
func (c *computer) watchdog() {
	c.t.Helper()
	began := time.Now()
	before := c.run("systemctl show -P MainPID zancudo")
	c.run("kill -STOP " + before)
	c.await("the watchdog has bitten", func() bool {
		out, _, err := c.try("systemctl show -P MainPID zancudo; systemctl is-active zancudo")
		return err == nil && strings.HasSuffix(out, "\nactive\n") && !strings.HasPrefix(out, before)
	})
	// Behind systemd's word there is what each goroutine was doing.
	c.run("journalctl -u zancudo -b -o cat --no-pager | grep -i 'watchdog timeout'")
	c.note("a broker that hangs is replaced within %.0f s", time.Since(began).Seconds())
	c.heard()
}

// mistake is a word that does not exist: systemd gives up at once, and its status says why.
func (c *computer) mistake() {
	c.t.Helper()
	if out, status, err := c.try("echo listner 1883 >/etc/zancudo/conf.d/typo.conf; systemctl restart zancudo"); err != nil || status == 0 {
		c.t.Errorf("the service starts with a word that does not exist, %v\n%s", err, out)
	}
	status, _, _ := c.try("systemctl status zancudo --no-pager")
	for _, want := range []string{"Active: failed (Result: exit-code)", "Did you mean 'listener'?"} {
		if !strings.Contains(status, want) {
			c.t.Errorf("the status has no %q:\n%s", want, status)
		}
	}
	c.run("rm /etc/zancudo/conf.d/typo.conf && systemctl restart zancudo")
	c.active()
	c.note("a wrong configuration ends the service, without another try")
}

// socket has systemd hold the port, as docs/packages.md says: nobody is refused while the broker starts again.
func (c *computer) socket() {
	c.t.Helper()
	c.run("systemctl stop zancudo && systemctl enable --now zancudo.socket && systemctl start zancudo")
	c.active()
	if out := c.run("ss -Hltnp 'sport = :1883'"); !strings.Contains(out, `"systemd"`) || !strings.Contains(out, `"zancudo"`) {
		c.t.Errorf("the port should be systemd's and the broker's:\n%s", out)
	}
	out := c.run(`bash -c 'systemctl restart zancudo & restart=$!
		while kill -0 $restart 2>/dev/null; do
			if (exec 3<>/dev/tcp/127.0.0.1/1883) 2>/dev/null; then echo let in; else echo refused; fi
		done
		wait $restart'`)
	c.active()
	refused, in := strings.Count(out, "refused"), strings.Count(out, "let in")
	if refused > 0 || in < 3 {
		c.t.Errorf("while the broker starts again %d are let in, and %d refused:\n%s", in, refused, c.run("journalctl -u zancudo -u zancudo.socket -b --no-pager -n 30"))
	}
	c.note("zancudo.socket holds the port: %d connections during a restart, %d refused", in, refused)
	c.heard()
}

// upgrade installs the next version under a client that watches.
func (c *computer) upgrade(l *load, file string) {
	c.t.Helper()
	path := c.put(file)
	gap := make(chan time.Duration, 1)
	stop := make(chan struct{})
	l.press(200)
	go watch(c.address("8883"), l, gap, stop)
	c.run("dpkg -i " + path)
	close(stop)
	c.active()
	out := c.run("zancudo --version; journalctl -u zancudo -b -o short-unix --no-pager -n 60")
	if !strings.Contains(out, "1.0.1 running") {
		c.t.Errorf("the new version does not run:\n%s", out)
	}
	c.note("upgraded: no service for %.1f s as the host saw it, %s in the machine", (<-gap).Seconds(), between(out, "terminating", "1.0.1 running"))
	l.settle(c.t)
	c.heard()
}

// watch measures the longest time between two greetings of the broker.
func watch(address string, l *load, gap chan<- time.Duration, stop <-chan struct{}) {
	var longest time.Duration
	last := time.Now()
	for {
		select {
		case <-stop:
			gap <- longest
			return
		case <-time.After(50 * time.Millisecond):
		}
		conn, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		began := time.Now()
		if tls.Client(conn, l.tls).Handshake() == nil {
			longest = max(longest, began.Sub(last))
			last = began
		}
		_ = conn.Close()
	}
}

// between is the time from one line of a log to another, by the seconds that its lines begin with.
func between(log, from, to string) string {
	at := func(text string) (seconds float64) {
		for line := range strings.Lines(log) {
			if strings.Contains(line, text) {
				first, _, _ := strings.Cut(line, " ")
				seconds, _ = strconv.ParseFloat(first, 64)
			}
		}
		return seconds
	}
	return fmt.Sprintf("%.2f s", at(to)-at(from))
}

// remove takes the package away, and then all that it has left.
func (c *computer) remove() {
	c.t.Helper()
	c.run("dpkg -r zancudo")
	if out, status, _ := c.try("systemctl is-active zancudo"); status == 0 {
		c.t.Errorf("the service is %s after its package is gone", out)
	}
	if out := c.run("ss -Hltn"); strings.Contains(out, ":1883") || strings.Contains(out, ":8883") {
		c.t.Errorf("a port is open after the package is gone:\n%s", out)
	}
	c.run("test -e /etc/zancudo/zancudo.conf && test -d /var/lib/zancudo/zancudo && ! test -e /usr/bin/zancudo")
	c.run("dpkg -P zancudo && ! test -e /etc/zancudo && ! test -e /var/lib/zancudo && ! getent passwd zancudo")
	if out := c.run("find /etc/systemd /lib/systemd /var/lib/systemd -name '*zancudo*'; systemctl --failed --plain --no-legend --no-pager"); out != "" {
		c.t.Errorf("there is still\n%s", out)
	}
	c.note("removed and purged")
}
