package packaging

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// root is the directory of a small Debian, made of the packages of this machine,
// in which others are installed. It runs no services.
type root string

// inside are the packages that installing others takes, besides the essential ones.
var inside = []string{"adduser", "passwd", "debconf"}

// dependency takes the name out of "libc6 (>= 2.34)" or "debconf | debconf-2.0".
var dependency = regexp.MustCompile(`^\s*([a-z0-9][a-z0-9+.-]*)`)

func newRoot(t *testing.T, more ...string) root {
	t.Helper()
	need(t, "dpkg-query", "dpkg")
	if os.Getuid() != 0 {
		miss(t, "packages are installed in a directory by root only")
	}
	r := root(t.TempDir())
	names := installedHere(t, more)
	for _, link := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		if target, err := os.Readlink(link); err == nil {
			r.must(t, os.MkdirAll(r.path(target), 0o755))
			r.must(t, os.Symlink(target, r.path(link)))
		}
	}
	var status strings.Builder
	for _, name := range names {
		stanza := output(t, "dpkg-query", "--status", name)
		fmt.Fprintf(&status, "%s\n\n", strings.TrimSpace(stanza))
		list := output(t, "dpkg-query", "--listfiles", name)
		for file := range strings.Lines(list) {
			if file = strings.TrimSpace(file); strings.HasPrefix(file, "/") && !strings.HasPrefix(file, "/usr/share/doc") {
				r.take(t, file)
			}
		}
		info := "/var/lib/dpkg/info/" + name
		if strings.Contains(stanza, "\nMulti-Arch: same\n") {
			info += ":" + strings.TrimSpace(output(t, "dpkg", "--print-architecture"))
		}
		r.take(t, info+".list")
		r.take(t, info+".md5sums")
	}
	r.write(t, "/var/lib/dpkg/status", status.String())
	r.write(t, "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n")
	r.write(t, "/etc/group", "root:x:0:\nnogroup:x:65534:\n")
	r.write(t, "/dev/null", "")
	r.must(t, os.MkdirAll(r.path("/var/lib/dpkg/updates"), 0o755))
	r.must(t, os.MkdirAll(r.path("/tmp"), 0o1777))
	return r
}

// installedHere are the essential packages, inside, and more, with all that they
// depend on.
func installedHere(t *testing.T, more []string) []string {
	t.Helper()
	depends, all := map[string]string{}, slices.Concat(inside, more)
	for line := range strings.Lines(output(t, "dpkg-query", "--show", "--showformat", "${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${db:Status-Status}\n")) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if fields[3] != "installed" {
			continue
		}
		depends[fields[0]] = fields[2]
		if fields[1] == "yes" {
			all = append(all, fields[0])
		}
	}
	for i := 0; i < len(all); i++ {
		for one := range strings.SplitSeq(depends[all[i]], ",") {
			for alternative := range strings.SplitSeq(one, "|") {
				m := dependency.FindStringSubmatch(alternative)
				if m == nil {
					continue
				}
				if _, here := depends[m[1]]; here && !slices.Contains(all, m[1]) {
					all = append(all, m[1])
				}
			}
		}
	}
	return all
}

func (r root) path(name string) string { return filepath.Join(string(r), name) }

func (r root) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// take copies a file of this machine. One that is not there was left out when its
// package was installed.
func (r root) take(t *testing.T, name string) {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		return
	}
	if _, err := os.Lstat(r.path(name)); err == nil {
		return
	}
	if info.IsDir() {
		r.must(t, os.MkdirAll(r.path(name), 0o755))
		return
	}
	r.must(t, os.MkdirAll(filepath.Dir(r.path(name)), 0o755))
	if target, err := os.Readlink(name); err == nil {
		r.must(t, os.Symlink(target, r.path(name)))
	} else if info.Mode().IsRegular() {
		text, err := os.ReadFile(name)
		r.must(t, err)
		r.must(t, os.WriteFile(r.path(name), text, info.Mode().Perm()))
	}
}

func (r root) write(t *testing.T, name, text string) {
	t.Helper()
	write(t, r.path(name), text, 0o644)
}

// run runs a program inside, with nobody to answer questions.
func (r root) run(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	c := exec.CommandContext(t.Context(), "/usr/bin/env", append([]string{"-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: string(r)}
	c.Dir, c.Stdout, c.Stderr = "/", &out, &out
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &out)
	}
	return out.String()
}

// install has dpkg install packages, which are files of this machine.
func (r root) install(t *testing.T, files ...string) {
	t.Helper()
	args := []string{"dpkg", "--install"}
	for _, f := range files {
		r.write(t, "/tmp/"+filepath.Base(f), read(t, f))
		args = append(args, "/tmp/"+filepath.Base(f))
	}
	r.run(t, args...)
	for _, f := range args[2:] {
		r.must(t, os.Remove(r.path(f)))
	}
	if out := r.run(t, "dpkg", "--audit"); out != "" {
		t.Errorf("dpkg --audit: %s", out)
	}
}

// holds checks which files there are; a ! in front means that there is none. What
// follows a blank is the owner, the group and the mode.
func (r root) holds(t *testing.T, when string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		name, owner, _ := strings.Cut(want, " ")
		name, absent := strings.CutPrefix(name, "!")
		if _, err := os.Lstat(r.path(name)); (err == nil) == absent {
			t.Errorf("%s: %s is there: %v", when, name, err == nil)
		} else if owner != "" {
			if got := strings.TrimSpace(r.run(t, "stat", "--format=%U:%G %a", name)); got != owner {
				t.Errorf("%s: %s is %s, want %s", when, name, got, owner)
			}
		}
	}
}

func (r root) knows(user string) bool {
	text, _ := os.ReadFile(r.path("/etc/passwd"))
	return strings.Contains("\n"+string(text), "\n"+user+":")
}

const (
	wants   = "/etc/systemd/system/multi-user.target.wants/"
	enabled = wants + "zancudo.service"
)

func TestInstallUpgradeRemovePurge(t *testing.T) {
	t.Parallel()
	release, r := made(t), newRoot(t)
	r.install(t, release.deb(t, "zancudo"))
	r.holds(t, "installed", "/etc/zancudo root:zancudo 751", "/etc/zancudo/conf.d root:zancudo 750", "/etc/zancudo/zancudo.conf root:zancudo 640",
		"/var/lib/zancudo zancudo:zancudo 700", enabled, "!/etc/systemd/system/sockets.target.wants/zancudo.socket")
	if got := r.run(t, "zancudo", "--version"); !strings.Contains(got, version) {
		t.Errorf("the program says %q", got)
	}
	const changed = "listener 1884\n"
	r.write(t, "/etc/zancudo/zancudo.conf", changed)
	r.write(t, "/etc/zancudo/users", "")
	r.write(t, "/var/lib/zancudo/zancudo/CURRENT", "")
	r.must(t, os.Chmod(r.path("/var/lib/zancudo"), 0o711)) // somebody has a reason
	r.must(t, os.Remove(r.path(enabled)))                  // systemctl disable
	r.install(t, release.deb(t, "zancudo"))
	if got := read(t, r.path("/etc/zancudo/zancudo.conf")); got != changed {
		t.Errorf("after an upgrade the configuration is %q", got)
	}
	r.holds(t, "upgraded", "/var/lib/zancudo zancudo:zancudo 711", "!"+enabled)
	r.run(t, "dpkg", "--remove", "zancudo")
	r.holds(t, "removed", "!/usr/bin/zancudo", "!/usr/lib/systemd/system/zancudo.service", "/etc/zancudo/zancudo.conf", "/etc/zancudo/users", "/var/lib/zancudo/zancudo/CURRENT")
	if !r.knows("zancudo") {
		t.Error("removed: its files belong to nobody")
	}
	r.run(t, "dpkg", "--purge", "zancudo")
	if r.knows("zancudo") {
		t.Error("purged: the user is still there")
	}
	err := filepath.WalkDir(string(r), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), "zancudo") {
			t.Errorf("purged: %s is left", strings.TrimPrefix(path, string(r)))
		}
		return err
	})
	r.must(t, err)
}

// mosquittoDeb makes a package that has of Debian's mosquitto what is in our way.
func mosquittoDeb(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/p/DEBIAN/control", "Package: mosquitto\nVersion: 2.0.11-1\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\nDescription: stands for it\n", 0o644)
	write(t, dir+"/p/DEBIAN/conffiles", "/etc/mosquitto/mosquitto.conf\n", 0o644)
	write(t, dir+"/p/etc/mosquitto/mosquitto.conf", mosquittosOwn, 0o644)
	write(t, dir+"/p/usr/sbin/mosquitto", "#!/bin/sh\n", 0o755)
	write(t, dir+"/p/lib/systemd/system/mosquitto.service", "[Service]\nExecStart=/usr/sbin/mosquitto\n[Install]\nWantedBy=multi-user.target\n", 0o644)
	write(t, dir+"/p/var/lib/mosquitto/.keep", "", 0o644)
	output(t, "dpkg-deb", "--root-owner-group", "--build", dir+"/p", dir+"/mosquitto.deb")
	return dir + "/mosquitto.deb"
}

const mosquittosOwn = "persistence true\n"

func TestInMosquittosPlaceAndBack(t *testing.T) {
	t.Parallel()
	release, r, mosquitto := made(t), newRoot(t), mosquittoDeb(t)
	r.install(t, mosquitto)
	const changed = "listener 1884\n"
	r.write(t, "/etc/mosquitto/mosquitto.conf", changed)
	r.write(t, "/var/lib/mosquitto/mosquitto.db", "database")
	// apt does the same: what is in conflict goes first.
	r.run(t, "dpkg", "--remove", "mosquitto")
	r.install(t, release.deb(t, "zancudo"), release.deb(t, "zancudo-mosquitto"))
	r.holds(t, "in its place", wants+"mosquitto.service", "!"+enabled, "/var/lib/mosquitto mosquitto:root 755")
	if got, err := os.Readlink(r.path("/usr/sbin/mosquitto")); err != nil || got != "../bin/zancudo" {
		t.Errorf("mosquitto is a link to %s, %v", got, err)
	}
	if got := r.run(t, "mosquitto", "--version"); !strings.Contains(got, version) {
		t.Errorf("mosquitto says %q", got)
	}
	r.write(t, "/var/lib/mosquitto/zancudo/CURRENT", "")
	r.run(t, "dpkg", "--remove", "zancudo-mosquitto")
	r.install(t, mosquitto)
	r.holds(t, "back", "/usr/lib/systemd/system/mosquitto.service", wants+"mosquitto.service", "!"+enabled, "/var/lib/mosquitto/zancudo/CURRENT")
	r.run(t, "dpkg", "--purge", "zancudo-mosquitto", "zancudo")
	r.holds(t, "purged", "/usr/lib/systemd/system/mosquitto.service", wants+"mosquitto.service", "!/var/lib/mosquitto/zancudo")
	for file, want := range map[string]string{"/etc/mosquitto/mosquitto.conf": changed, "/var/lib/mosquitto/mosquitto.db": "database", "/usr/sbin/mosquitto": "#!/bin/sh\n"} {
		if got := read(t, r.path(file)); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
}

// TestWithoutMosquitto: where it never was, it is as easy to come as to leave.
func TestWithoutMosquitto(t *testing.T) {
	t.Parallel()
	release, r := made(t), newRoot(t)
	r.install(t, release.deb(t, "zancudo"), release.deb(t, "zancudo-mosquitto"))
	if got, want := read(t, r.path("/etc/mosquitto/mosquitto.conf")), read(t, "mosquitto.conf"); got != want {
		t.Errorf("the configuration is %q", got)
	}
	r.run(t, "dpkg", "--remove", "zancudo-mosquitto")
	r.install(t, mosquittoDeb(t)) // dpkg would ask about a file that is not Mosquitto's
	if got := read(t, r.path("/etc/mosquitto/mosquitto.conf")); got != mosquittosOwn {
		t.Errorf("Mosquitto finds %q", got)
	}
	r.run(t, "dpkg", "--purge", "mosquitto")
	r.install(t, release.deb(t, "zancudo-mosquitto"))
	r.run(t, "dpkg", "--purge", "zancudo-mosquitto")
	r.holds(t, "purged", "!/etc/mosquitto", "!/var/lib/mosquitto/zancudo", "!"+wants+"mosquitto.service")
}

// TestRPM has rpm install, upgrade and erase the package, on a system that is not
// its own.
func TestRPM(t *testing.T) {
	t.Parallel()
	need(t, "rpm", "rpm")
	release, r := made(t), newRoot(t, "rpm")
	file := release.file(t, "*.rpm")
	r.write(t, "/tmp/zancudo.rpm", read(t, file))
	rpm := func(args ...string) string {
		t.Helper()
		return r.run(t, append([]string{"rpm", "--force-debian", "--nodeps"}, args...)...)
	}
	rpm("--install", "/tmp/zancudo.rpm")
	r.holds(t, "installed", "/etc/zancudo root:zancudo 751", "/etc/zancudo/conf.d root:zancudo 750", "/etc/zancudo/zancudo.conf root:zancudo 640",
		"/var/lib/zancudo zancudo:zancudo 700", "/usr/lib/systemd/system/zancudo.service", "/usr/share/man/man1/zancudo.1.gz")
	if got := r.run(t, "zancudo", "--version"); !strings.Contains(got, version) {
		t.Errorf("the program says %q", got)
	}
	if got := rpm("--verify", "zancudo"); got != "" {
		t.Errorf("rpm --verify: %s", got)
	}
	const changed = "listener 1884\n"
	r.write(t, "/etc/zancudo/zancudo.conf", changed)
	r.write(t, "/var/lib/zancudo/zancudo/CURRENT", "")
	rpm("--upgrade", "--replacepkgs", "/tmp/zancudo.rpm")
	if got := read(t, r.path("/etc/zancudo/zancudo.conf")); got != changed {
		t.Errorf("after an upgrade the configuration is %q", got)
	}
	rpm("--erase", "zancudo")
	r.holds(t, "erased", "!/usr/bin/zancudo", "!/usr/lib/systemd/system/zancudo.service", "!/etc/zancudo/zancudo.conf", "/etc/zancudo/zancudo.conf.rpmsave", "/var/lib/zancudo/zancudo/CURRENT")
	if !r.knows("zancudo") {
		t.Error("erased: its files belong to nobody")
	}
}
