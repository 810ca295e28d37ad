//go:build linux

package machine

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestShelf is docs/shelf-machine.md for an image: a stick that 'zancudo appliance' has made, a card with a Debian that nobody has
// touched, a second disk for /var, and no keyboard. The power fails in the middle of the first boot.
func TestShelf(t *testing.T) {
	ask(t)
	s := &shelf{computer: newComputer(t, "image")}
	s.makeStick(deb(t, packages(t, "1.0.0"), "zancudo"))
	s.switchOn()
	s.await("the first boot is at work", func() bool {
		out, _, err := s.try("systemctl is-active zancudo-first-boot")
		return err == nil && out == "active\n"
	})
	<-time.After(time.Duration(s.random.IntN(10_000)) * time.Millisecond)
	s.freeze()
	s.cut()
	s.switchOn()
	s.restarts() // from the new /var
	s.others = s.others[:1]
	s.boot()
	s.use()
	s.settled()
}

// shelf is a machine with a stick.
type shelf struct {
	*computer
	key string
}

// makeStick is what the user does at the laptop.
func (s *shelf) makeStick(file string) {
	s.t.Helper()
	at := func(name string) string { return filepath.Join(s.dir, name) }
	s.key = at("key")
	s.laptop("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.key)
	s.laptop("dpkg-deb", "-x", file, at("unpacked"))
	s.laptop(at("unpacked/usr/bin/zancudo"), "appliance", at("seed"), "--yes", "--for", "cloud-init", "--address", "10.0.2.15/24", "--gateway", "10.0.2.2",
		"--host", "shelf", "--login", "alice", "--ssh-key", s.key+".pub", "--package", file, "--var-disk", "/dev/vdb", "--image", at("stick.img"))
	if err := os.WriteFile(at("var.img"), nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Truncate(at("var.img"), 1<<30); err != nil {
		s.t.Fatal(err)
	}
	s.others = []string{at("var.img"), at("stick.img")}
}

// laptop runs a program of the host, which must succeed.
func (s *shelf) laptop(name string, args ...string) string {
	s.t.Helper()
	out, err := s.host(name, args...)
	if err != nil {
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

// ssh is the command line of a login, and of what is to be run there.
func (s *shelf) ssh(options, command []string) *exec.Cmd {
	args := append([]string{
		"-i", s.key, "-p", s.ports["22"], "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR",
	}, options...)
	return exec.CommandContext(s.t.Context(), "ssh", append(append(args, "alice@127.0.0.1"), command...)...)
}

// use is what the user does from the laptop when the stick is out.
func (s *shelf) use() {
	s.t.Helper()
	read := func(file string) string {
		s.t.Helper()
		out, err := s.ssh(nil, []string{"sudo", "cat", file}).CombinedOutput()
		if err != nil {
			s.t.Fatalf("%s over SSH: %v\n%s", file, err, out)
		}
		return string(out)
	}
	report, authority := read("/root/zancudo.txt"), read("/etc/zancudo/ca.crt")
	password := s.password(report)
	if !strings.Contains(report, "10.0.2.15") {
		s.t.Errorf("the report does not speak of the address:\n%s", report)
	}
	if out, err := s.ssh([]string{"-o", "PubkeyAuthentication=no"}, []string{"true"}).CombinedOutput(); err == nil || !strings.Contains(string(out), "(publickey)") {
		s.t.Errorf("a login without a key: %v, %s", err, out)
	}
	ca := filepath.Join(s.dir, "ca.crt")
	if err := os.WriteFile(ca, []byte(authority), 0o600); err != nil {
		s.t.Fatal(err)
	}
	with := []string{"-h", "127.0.0.1", "-p", s.ports["8883"], "--cafile", ca, "-u", "alice", "-P", password, "-q", "1", "-t", "alice/hello"}
	s.laptop("mosquitto_pub", append(with, "-m", "hello", "-r")...)
	if out := s.laptop("mosquitto_sub", append(with, "-C", "1", "-W", "300")...); out != "hello\n" {
		s.t.Errorf("mosquitto_sub got %q", out)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(authority))
	conn, err := tls.Dial("tcp", s.address("8883"), &tls.Config{RootCAs: pool, ServerName: "10.0.2.15"})
	if err != nil {
		s.t.Fatalf("the certificate is not for the machine's address: %v", err)
	}
	_ = conn.Close()
	s.note("logged in with the key; Debian's mosquitto_pub and mosquitto_sub have published and subscribed with TLS")
}

// settled is what the stick has made of the machine.
func (s *shelf) settled() {
	s.t.Helper()
	for script, want := range map[string]string{
		"hostname":                           `^shelf$`,
		"ip -4 -o address show scope global": `inet 10\.0\.2\.15/24 .*forever`,
		"ip route":                           `^default via 10\.0\.2\.2 dev `,
		"findmnt -n -o SOURCE,OPTIONS /var":  `^/dev/vdb .*noatime`,
		"findmnt -n -o SOURCE,OPTIONS /":     `^/dev/vda .*noatime`,
		"ls -l /proc/$(pidof systemd-journald)/fd | grep -o '/[a-z]*/log/journal' | sort -u": `^/run/log/journal$`,
		"systemctl is-enabled zancudo fstrim.timer":                                          `^enabled\nenabled$`,
		"systemctl is-active zancudo":                                                        `^active$`,
		"systemctl is-enabled zancudo-first-boot || true":                                    `^disabled$`,
		"test -e /etc/cloud/cloud-init.disabled && echo yes":                                 `^yes$`,
		"stat -c '%U %a' /root/zancudo.txt":                                                  `^root 600$`,
		"passwd -S alice | cut -d ' ' -f 2; passwd -S root":                                  `^L\nroot L `,
		"find /var/cache/zancudo /var/lib/zancudo -maxdepth 0":                               `^find: .*No such file.*\n/var/lib/zancudo$`,
	} {
		out, _, err := s.try(script)
		if err != nil || !regexp.MustCompile(want).MatchString(strings.TrimSpace(out)) {
			s.t.Errorf("%s: %v, got\n%swant %s", script, err, out, want)
		}
	}
}
