//go:build linux

package machine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

const (
	asking   = "ZANCUDO_MACHINE"
	patience = 10 * time.Minute // for what the machine does; a boot takes two when the host is busy
	handPort = "7777"
)

// needed are the programs that the host must have, and Debian's packages of them.
var needed = map[string]string{
	"debootstrap": "debootstrap", "mkfs.ext4": "e2fsprogs", "qemu-system-x86_64": "qemu-system-x86",
	"mosquitto_pub": "mosquitto-clients", "unshare": "util-linux", "ssh": "openssh-client",
}

// ask skips a test unless somebody asks for it; then all that it needs must be there.
func ask(t *testing.T) {
	t.Helper()
	if os.Getenv(asking) != "1" {
		t.Skipf("it takes many minutes: %s=1 or make machine-test asks for it", asking)
	}
	if os.Getuid() != 0 {
		t.Fatal("making the disk of a machine needs root")
	}
	for program, pkg := range needed {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not installed; it is in Debian's %s", program, pkg)
		}
	}
}

// computer is the machine: a disk, a network card and a power switch.
type computer struct {
	t      *testing.T
	began  time.Time
	random *rand.Rand
	files  string // kernel and initrd
	dir    string
	disk   *disk
	ports  map[string]string // of this host, by the machine's

	others []string // the disks behind the first one, which no cut concerns

	cmd   *exec.Cmd
	said  *proctest.Output // by the emulator
	ended chan struct{}
	heard func() // looks for what was retained before everything else
}

// newComputer unpacks a machine with a fresh Debian, which is not switched on. Of root.sh's two kinds it is the one given.
func newComputer(t *testing.T, kind string) *computer {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	files := freshDebian(t, kind)
	c := &computer{
		t: t, began: time.Now(), random: rand.New(rand.NewPCG(seed, 0)), files: files, dir: t.TempDir(),
		ports: map[string]string{handPort: "", "22": "", "1883": "", "8883": ""},
	}
	c.disk = newDisk(t, c.dir, filepath.Join(c.files, "disk.img"))
	for port := range c.ports {
		c.ports[port] = proctest.FreePort(t)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the console showed last:\n%s", c.console(60))
		}
		if c.cmd != nil {
			c.kill()
		}
	})
	return c
}

// freshDebian returns the directory with the disk, made unless the recipe is the one of last time.
func freshDebian(t *testing.T, kind string) string {
	t.Helper()
	recipe, err := os.ReadFile("root.sh")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "zancudo-machine", fmt.Sprintf("%x", sha256.Sum256(recipe))[:16]+"-"+kind)
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	script, err := filepath.Abs("root.sh")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(ctx, script, dir, kind).CombinedOutput(); err != nil {
		t.Fatalf("make a Debian: %v\n%s", err, tail(string(out), 40))
	}
	t.Logf("a Debian made in %v", time.Since(began).Round(time.Second))
	return dir
}

// note tells what came out, and when.
func (c *computer) note(format string, args ...any) {
	c.t.Helper()
	c.t.Logf("%4.0f s  %s", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

func (c *computer) address(port string) string { return net.JoinHostPort("127.0.0.1", c.ports[port]) }

// boot switches the machine on and waits until it has started all that it starts.
func (c *computer) boot() {
	c.t.Helper()
	began := time.Now()
	c.switchOn()
	c.await("the machine has started", func() bool {
		out, _, err := c.try("systemctl is-system-running --wait")
		if err == nil && strings.TrimSpace(out) != "running" {
			failed, _, _ := c.try("systemctl --failed --no-pager --plain; journalctl -b -p warning --no-pager -n 30")
			c.t.Fatalf("the machine is %s\n%s", out, failed)
		}
		return err == nil
	})
	c.note("booted in %.0f s", time.Since(began).Seconds())
}

func (c *computer) switchOn() {
	c.t.Helper()
	c.disk.start(c.t)
	network := []string{"user", "id=net"}
	for port, host := range c.ports {
		network = append(network, "hostfwd=tcp:127.0.0.1:"+host+"-:"+port)
	}
	args := []string{
		"-accel", "tcg,thread=multi", "-cpu", "qemu64", "-smp", "2", "-m", "512", "-machine", "q35",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", filepath.Join(c.files, "vmlinuz"), "-initrd", filepath.Join(c.files, "initrd"),
		"-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet loglevel=4 mitigations=off modules_load=virtio_net " +
			"systemd.default_timeout_start_sec=600 systemd.journald.forward_to_console=1", // the emulator is slow, and the host busy
		"-serial", "file:" + filepath.Join(c.dir, "console"),
		"-blockdev", "driver=file,node-name=file,filename=" + c.disk.copied,
		"-blockdev", "driver=raw,node-name=raw,file=file",
		"-blockdev", "driver=file,node-name=log,filename=" + c.disk.log,
		"-blockdev", "driver=blklogwrites,node-name=disk,file=raw,log=log,log-sector-size=" + strconv.Itoa(sectorBytes),
		"-device", "virtio-blk-pci,drive=disk",
		"-netdev", strings.Join(network, ","), "-device", "virtio-net-pci,netdev=net,romfile=",
		"-device", "virtio-rng-pci",
	}
	for i, file := range c.others {
		args = append(args, "-drive", fmt.Sprintf("if=none,format=raw,id=other%d,file=%s", i, file), "-device", fmt.Sprintf("virtio-blk-pci,drive=other%d", i))
	}
	c.cmd = exec.Command("qemu-system-x86_64", args...)
	c.said, c.ended = &proctest.Output{}, make(chan struct{})
	c.cmd.Stdout, c.cmd.Stderr = c.said, c.said
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	cmd, ended := c.cmd, c.ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
}

// restarts waits until the machine switches itself off to start again, which the emulator leaves to the next boot.
func (c *computer) restarts() {
	c.t.Helper()
	select {
	case <-c.ended:
		c.cmd = nil
		sparseCopy(c.t, c.disk.copied, c.disk.medium)
	case <-time.After(patience):
		log, _, _ := c.try("systemctl status --no-pager; journalctl -b --no-pager -n 60")
		c.t.Fatalf("the machine does not restart within %v\n%s", patience, log)
	case <-c.t.Context().Done():
		c.t.FailNow()
	}
}

// freeze stops the machine between two instructions; its network is silent.
func (c *computer) freeze() {
	_ = c.cmd.Process.Signal(syscall.SIGSTOP)
}

// cut is the end of a frozen machine's power.
func (c *computer) cut() {
	c.t.Helper()
	c.kill()
	c.note("power cut: %v", c.disk.cut(c.t, c.random))
}

func (c *computer) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
	c.cmd = nil
}

// await waits until something is so.
func (c *computer) await(what string, so func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		select {
		case <-c.ended:
			c.t.Fatalf("the emulator has ended by itself before %s:\n%s", what, c.said)
		case <-c.t.Context().Done():
			c.t.FailNow()
		case <-time.After(200 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// run has the machine run a script as root, and returns what it prints. A status other than 0 is a failure.
func (c *computer) run(script string) string {
	c.t.Helper()
	out, status, err := c.try(script)
	if err != nil || status != 0 {
		c.t.Fatalf("in the machine, %s\nended with status %d, %v\n%s", script, status, err, out)
	}
	return out
}

// try is run for a script that may fail. An error says that the machine could not be asked.
func (c *computer) try(script string) (out string, status int, err error) {
	conn, err := c.shell()
	if err != nil {
		return "", 0, err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "( %s\n) </dev/null 2>&1; echo \"status $?\"\n", script); err != nil {
		return "", 0, err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", 0, err
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		return string(b), 0, err
	}
	const mark = "status "
	i := strings.LastIndex(string(b), mark)
	if i < 0 {
		return string(b), 0, errors.New("the machine has not run the script to its end")
	}
	status, err = strconv.Atoi(strings.TrimSpace(string(b[i+len(mark):])))
	return string(b[:i]), status, err
}

// shell connects to a shell of the machine. The emulator takes connections before anybody listens in the machine, so the
// shell must have answered.
func (c *computer) shell() (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(c.t.Context(), "tcp", c.address(handPort))
	if err != nil {
		return nil, err
	}
	// A connection that came too early is tried again ever more rarely; a new one is faster.
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	hello := make([]byte, 6)
	if _, err = io.WriteString(conn, "export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8; echo hello\n"); err == nil {
		_, err = io.ReadFull(conn, hello)
	}
	if err == nil && string(hello) != "hello\n" {
		err = fmt.Errorf("the shell says %q", hello)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn, nil
}

// put copies a file into the machine's /root and returns its path there.
func (c *computer) put(file string) string {
	c.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	conn, err := c.shell()
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	path := "/root/" + filepath.Base(file)
	if _, err := fmt.Fprintf(conn, "head -c %d >%s && sha256sum <%s\n", len(b), path, path); err != nil {
		c.t.Fatal(err)
	}
	if _, err := conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	if sum, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(sum, fmt.Appendf(nil, "%x", sha256.Sum256(b))) {
		c.t.Fatalf("copy %s into the machine: %v, %s", file, err, sum)
	}
	return path
}

// console is the end of what the machine has shown.
func (c *computer) console(lines int) string {
	b, err := os.ReadFile(filepath.Join(c.dir, "console"))
	if err != nil {
		return err.Error()
	}
	return tail(strings.ReplaceAll(string(b), "\r", ""), lines)
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// host runs a program of this host and returns what it prints.
func (c *computer) host(name string, args ...string) (string, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience/2)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out), err
}

// packages makes the Debian packages of a version, and returns their directory.
func packages(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "-C", "../..", "deb")
	cmd.Env = append(os.Environ(), "VERSION="+version, "DIST="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make deb: %v\n%s", err, tail(string(out), 40))
	}
	return dir
}

// deb is the file of a package in a directory.
func deb(t *testing.T, dir, name string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s has %v of the package %s, %v", dir, files, name, err)
	}
	return files[0]
}
