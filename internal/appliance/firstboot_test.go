package appliance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// A shelf is a machine of straw: the script runs for real, in a root of its own,
// and the programs that would change a machine only say that they were called.
type shelf struct {
	*testing.T
	root, bin string
	deb       string
}

const shelfFstab = `# a comment
PARTUUID=1 / ext4 rw,discard,errors=remount-ro 0 1
PARTUUID=2 /boot/efi vfat defaults 0 0
PARTUUID=3 /srv ext4 noatime 0 2
`

func newShelf(t *testing.T, change func(o *Options)) *shelf {
	t.Helper()
	s := &shelf{T: t, root: t.TempDir(), bin: t.TempDir(), deb: "the package"}
	sum := sha256.Sum256([]byte(s.deb))
	o := machine(CloudInit)
	o.PackageSHA256 = strings.ToUpper(hex.EncodeToString(sum[:]))
	change(&o)
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	for _, w := range o.cloudConfig().WriteFiles {
		mode := os.FileMode(0o644)
		if w.Permissions == "0755" {
			mode = 0o755
		}
		s.write(s.root+w.Path, w.Content, mode)
	}
	for _, dir := range []string{"/root", "/etc/cloud", "/var/cache", "/run"} {
		if err := os.MkdirAll(s.root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.write(s.root+"/etc/fstab", shelfFstab, 0o644)
	for _, program := range []string{"systemctl", "modprobe", "update-grub", "dpkg", "mountpoint", "sync", "umount", "mount", "apt-get", "dpkg-query", "zancudo", "cloud-init"} {
		s.program(program, "")
	}
	s.program("mountpoint", "exit 1")
	s.program("dpkg-query", `[ -e "$ZANCUDO_ROOT/installed" ] && echo 'install ok installed'`)
	s.program("apt-get", `for last; do :; done; cmp -s "$last" "$ZANCUDO_ROOT/package" && : >"$ZANCUDO_ROOT/installed"`)
	s.program("zancudo", `printf '<%s>' "$@" >"$ZANCUDO_ROOT/init"; echo 'Password  abcde'`)
	s.write(s.root+"/package", s.deb, 0o644)
	return s
}

func (s *shelf) write(path, text string, mode os.FileMode) {
	s.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		s.Fatal(err)
	}
}

func (s *shelf) read(path string) string {
	s.Helper()
	text, err := os.ReadFile(s.root + path)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

func (s *shelf) exists(path string) bool {
	_, err := os.Lstat(s.root + path)
	return err == nil
}

// program is one that says that it was called, and then does something.
func (s *shelf) program(name, does string) {
	s.Helper()
	s.write(filepath.Join(s.bin, name), "#!/bin/sh\necho \""+name+" $*\" >>\"$ZANCUDO_ROOT/called\"\n"+does+"\n", 0o755)
}

// stick has the package on a stick, which mount puts in place.
func (s *shelf) stick(content string) {
	s.Helper()
	s.program("mount", fmt.Sprintf(`case "$*" in *LABEL=CIDATA*) printf %%s %s >"$ZANCUDO_ROOT/run/zancudo-stick/zancudo.deb" ;; esac`, quoted(content)))
}

// boot runs the script, and returns what it said and which programs it called.
func (s *shelf) boot() (said string, called []string, err error) {
	s.Helper()
	if err := os.RemoveAll(s.root + "/called"); err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(s.Context(), "sh", s.root+home+"first-boot")
	cmd.Env = append(os.Environ(), "ZANCUDO_ROOT="+s.root, "PATH="+s.bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	text, _ := os.ReadFile(s.root + "/called") // none was called
	return string(out), strings.Split(strings.TrimSpace(string(text)), "\n"), err
}

func (s *shelf) mustBoot() (said string, called []string) {
	s.Helper()
	said, called, err := s.boot()
	if err != nil {
		s.Fatalf("%v\n%s\n%s", err, said, strings.Join(called, "\n"))
	}
	return said, called
}

// TestFirstBoot: the package from the stick, and everything else.
func TestFirstBoot(t *testing.T) {
	t.Parallel()
	need(t, "sh", "dash")
	s := newShelf(t, func(o *Options) { o.User, o.Plain, o.Watchdog = `o'hara "x" $HOME`, true, "iTCO_wdt" })
	s.stick(s.deb)
	said, called := s.mustBoot()
	if got, want := s.read("/init"), `<init><--yes><--overwrite><--user><o'hara "x" $HOME><--name><192.168.1.9><--plain>`; got != want {
		t.Errorf("init got %s, want %s", got, want)
	}
	if got := s.read("/root/zancudo.txt"); got != "Password  abcde\n" {
		t.Errorf("the report is %q", got)
	}
	if info, err := os.Stat(s.root + "/root/zancudo.txt"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the report has mode %v, %v", info.Mode(), err)
	}
	if strings.Contains(said, "abcde") || !strings.Contains(said, "The broker is set up") {
		t.Errorf("it says\n%s", said)
	}
	if got, want := s.read("/etc/fstab"), strings.Replace(shelfFstab, "remount-ro", "remount-ro,noatime", 1); got != want {
		t.Errorf("fstab is\n%s", got)
	}
	all := strings.Join(called, "\n")
	at := -1
	for _, want := range []string{
		"dpkg --configure -a", "mount -o ro LABEL=CIDATA", "umount", "apt-get", "systemctl stop zancudo", "zancudo init", "systemctl enable zancudo", "systemctl restart zancudo",
		"systemctl enable --now fstrim.timer", "systemctl restart systemd-journald", "modprobe iTCO_wdt", "systemctl daemon-reexec", "update-grub", "systemctl disable zancudo-first-boot.service",
	} {
		i := strings.Index(all, want)
		if i < at {
			t.Errorf("%s comes too early, or not at all, in\n%s", want, all)
		}
		at = i
	}
	if strings.Contains(all, "reboot") {
		t.Errorf("it reboots\n%s", all)
	}
	for path, want := range map[string]bool{home + "first-boot.done": true, "/etc/cloud/cloud-init.disabled": true, "/var/cache/zancudo": false, "/etc/fstab.new": false, "/root/zancudo.txt.new": false} {
		if s.exists(path) != want {
			t.Errorf("%s: exists is %v", path, !want)
		}
	}
}

// TestFirstBootIsCutOff: the power fails after each of the calls in turn, and the
// next boot ends well, with one password that is the last one made.
func TestFirstBootIsCutOff(t *testing.T) {
	t.Parallel()
	need(t, "sh", "dash")
	s := newShelf(t, func(*Options) {})
	s.stick(s.deb)
	_, calls := s.mustBoot()
	for i := range calls {
		s := newShelf(t, func(*Options) {})
		s.stick(s.deb)
		s.program("zancudo", `n=$(cat "$ZANCUDO_ROOT/made" 2>/dev/null || echo 0); echo $((n + 1)) >"$ZANCUDO_ROOT/made"; echo "Password  $((n + 1))"`)
		// The call itself is done, and nothing after it.
		cut := fmt.Sprintf(`if [ "$(wc -l <"$ZANCUDO_ROOT/called")" -gt %d ] && [ ! -e "$ZANCUDO_ROOT/again" ]; then kill -9 $PPID; fi`, i)
		entries, err := os.ReadDir(s.bin)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			path := filepath.Join(s.bin, e.Name())
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s.write(path, string(text)+"status=$?\n"+cut+"\nexit $status\n", 0o755)
		}
		if said, called, err := s.boot(); err == nil && len(called) >= i+1 {
			continue // the parent was a subshell whose end the script does not mind, as in a pipe
		} else if len(called) < i+1 {
			t.Errorf("cut off after call %d: only %q were made\n%s", i+1, called, said)
		}
		s.write(s.root+"/again", "", 0o644)
		if said, called, err := s.boot(); err != nil {
			t.Errorf("cut off after %q: %v\n%s%s", calls[i], err, said, strings.Join(called, "\n"))
			continue
		}
		if got, want := s.read("/root/zancudo.txt"), "Password  "+s.read("/made"); got != want {
			t.Errorf("cut off after %q: the report says %q, want %q", calls[i], got, want)
		}
		if got := s.read("/etc/fstab"); strings.Count(got, "noatime") != 2 || strings.Count(got, "\n") != strings.Count(shelfFstab, "\n") {
			t.Errorf("cut off after %q: fstab is\n%s", calls[i], got)
		}
		if !s.exists(home + "first-boot.done") {
			t.Errorf("cut off after %q: it is not done", calls[i])
		}
	}
}

// TestFirstBootPackage: where the package comes from, and what is not installed.
func TestFirstBootPackage(t *testing.T) {
	t.Parallel()
	need(t, "sh", "dash")
	t.Run("kept by the installer", func(t *testing.T) {
		t.Parallel()
		s := newShelf(t, func(*Options) {})
		s.write(s.root+"/var/cache/zancudo/zancudo.deb", s.deb, 0o644)
		if _, called := s.mustBoot(); strings.Contains(strings.Join(called, "\n"), "mount -o") {
			t.Errorf("it looks for a stick: %q", called)
		}
	})
	t.Run("no stick", func(t *testing.T) {
		t.Parallel()
		s := newShelf(t, func(*Options) {})
		s.program("mount", "exit 1")
		said, called, err := s.boot()
		if err == nil || !strings.Contains(said, "no stick with the label CIDATA is in this machine: put it in") || strings.Contains(strings.Join(called, "\n"), "apt-get") {
			t.Errorf("%v\n%s", err, said)
		}
		s.stick(s.deb)
		s.mustBoot()
	})
	t.Run("another package", func(t *testing.T) {
		t.Parallel()
		s := newShelf(t, func(*Options) {})
		s.stick("another package")
		said, called, err := s.boot()
		if err == nil || !strings.Contains(said, "another checksum") || strings.Contains(strings.Join(called, "\n"), "apt-get") || s.exists("/var/cache/zancudo/zancudo.deb") {
			t.Errorf("%v\n%s", err, said)
		}
	})
	t.Run("fetched", func(t *testing.T) {
		t.Parallel()
		need(t, "python3", "python3")
		var content atomic.Value
		content.Store("not yet")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/a b/zancudo.deb" {
				http.NotFound(w, r)
				return
			}
			_, _ = io.WriteString(w, content.Load().(string))
		}))
		defer server.Close()
		s := newShelf(t, func(o *Options) { o.PackageURL = server.URL + "/a%20b/zancudo.deb" })
		if said, _, err := s.boot(); err == nil || !strings.Contains(said, "another checksum") {
			t.Errorf("%v\n%s", err, said)
		}
		content.Store(s.deb)
		s.mustBoot()
		s = newShelf(t, func(o *Options) { o.PackageURL = server.URL + "/gone.deb" })
		if said, _, err := s.boot(); err == nil || !strings.Contains(said, "404") {
			t.Errorf("%v\n%s", err, said)
		}
	})
}

// TestFirstBootDisk: a disk for /var that is not there is no reason not to serve.
func TestFirstBootDisk(t *testing.T) {
	t.Parallel()
	need(t, "sh", "dash")
	s := newShelf(t, func(o *Options) { o.VarDisk = "/dev/zancudo-none" })
	s.stick(s.deb)
	said, _ := s.mustBoot()
	if report := s.read("/root/zancudo.txt"); !strings.Contains(report, "There is no disk /dev/zancudo-none, so /var stays where it is.") || !strings.Contains(report, "Password") {
		t.Errorf("the report is\n%s\n%s", report, said)
	}
}

// TestStartOver: what cloud-init notes is forgotten until the first boot is done,
// but for the keys of the machine, which a laptop may know already.
func TestStartOver(t *testing.T) {
	t.Parallel()
	need(t, "sh", "dash")
	for _, done := range []bool{false, true} {
		s := newShelf(t, func(*Options) {})
		const sem = "/var/lib/cloud/instance/sem/"
		for _, name := range []string{"config_write_files", "config_write-files", "config_users_groups", "config_runcmd", "config_scripts_user", "config_ssh"} {
			s.write(s.root+sem+name, "", 0o644)
		}
		if done {
			s.write(s.root+home+"first-boot.done", "", 0o644)
		}
		script := strings.NewReplacer(home, s.root+home, "/var/lib/cloud", s.root+"/var/lib/cloud").Replace(startOver)
		if out, err := exec.CommandContext(t.Context(), "sh", "-ec", script).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		left, err := os.ReadDir(s.root + sem)
		if want := map[bool]int{false: 1, true: 6}[done]; err != nil || len(left) != want || !s.exists(sem+"config_ssh") {
			t.Errorf("done is %v: %v, %v", done, left, err)
		}
	}
}
