package zancudo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// A page is played on a machine of its own: this test binary once more, in namespaces, with a layer over the file system
// that takes what is written. It may be root there, have its own /etc and the ports 1883 and 8883, and when it ends,
// nothing of it is left.

const (
	machinePage = "ZANCUDO_DOC_PAGE"
	machineDir  = "ZANCUDO_DOC_DIR"
	machineBin  = "ZANCUDO_DOC_BIN"
)

// onMachine plays a page in a child of this process.
func onMachine(ctx context.Context, t *testing.T, name, zancudo string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("pages are played on machines of their own, which only root can make")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestDocs$", "-test.v")
	cmd.Env = append(os.Environ(), machinePage+"="+name, machineDir+"="+dir, machineBin+"="+zancudo, "TMPDIR=/tmp")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM):
		t.Skip("namespaces are forbidden here; run it as root, in a container with the right to make them")
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	}
}

// thisMachine returns the page that this process is to play, after it has made the machine, or "" in the test itself.
func thisMachine(t *testing.T) string {
	t.Helper()
	page := os.Getenv(machinePage)
	if page == "" {
		return ""
	}
	if os.Getpid() != 1 {
		t.Fatalf("%s is for the test itself", machinePage)
	}
	runtime.LockOSThread()
	makeDisk(t, os.Getenv(machineDir), os.Getenv(machineBin))
	makeNetwork(t)
	makeUser(t)
	return page
}

// makeDisk puts a layer over all files, and the checkout and the program in it.
func makeDisk(t *testing.T, dir, zancudo string) {
	t.Helper()
	checkout, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	mount := func(source, target, kind string, flags uintptr, options string) {
		t.Helper()
		err := syscall.Mount(source, target, kind, flags, options)
		switch {
		case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES):
			t.Skip("mounts are forbidden here; run it as root, in a container with the right to make them")
		case err != nil:
			t.Fatalf("mount %s on %s: %v", source, target, err)
		}
	}
	mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	mount("tmpfs", dir, "tmpfs", 0, "mode=755")
	root := filepath.Join(dir, "root")
	layer := func(below, target, name string) {
		upper, work := filepath.Join(dir, name), filepath.Join(dir, name+".work")
		for _, d := range []string{upper, work, target} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		mount("overlay", target, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", below, upper, work))
	}
	layer("/", root, "upper")
	layer(checkout, filepath.Join(root, checkout), "checkout") // it may be on a disk of its own
	program := filepath.Join(root, "/usr/local/bin/zancudo")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	mount(zancudo, program, "", syscall.MS_BIND, "")
	mount("/dev", filepath.Join(root, "dev"), "", syscall.MS_BIND|syscall.MS_REC, "")
	mount("proc", filepath.Join(root, "proc"), "proc", 0, "")
	mount("tmpfs", filepath.Join(root, "tmp"), "tmpfs", 0, "mode=1777")
	mount("tmpfs", filepath.Join(root, "run"), "tmpfs", 0, "mode=755")
	if err := syscall.Chroot(root); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Chdir(checkout); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"/var/lib/zancudo", "/etc/zancudo"} { // on the machine around it, a broker may have run; there it stays
		if err := os.RemoveAll(left); err != nil {
			t.Fatal(err)
		}
	}
}

// makeNetwork gives the machine a name and an address in a network where nobody else is.
func makeNetwork(t *testing.T) {
	t.Helper()
	if err := syscall.Sethostname([]byte(machineName)); err != nil {
		t.Fatal(err)
	}
	hosts := "127.0.0.1 localhost\n::1 localhost\n" + machineAddress + " " + machineName + ".local " + machineName + "\n"
	if err := os.WriteFile("/etc/hosts", []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	// struct ifreq: a name, and what the request is about.
	set := func(request uintptr, name string, value ...byte) {
		t.Helper()
		var ifreq [40]byte
		copy(ifreq[:15], name)
		copy(ifreq[16:], value)
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&ifreq))); errno != 0 {
			t.Fatalf("%s: %v", name, errno)
		}
	}
	set(syscall.SIOCSIFFLAGS, "lo", syscall.IFF_UP, 0)
	set(syscall.SIOCSIFADDR, "lo:1", syscall.AF_INET, 0, 0, 0, 192, 168, 1, 10)
}

// makeUser adds somebody who may become root, and whose home is empty.
func makeUser(t *testing.T) {
	t.Helper()
	add := func(file, line string) {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o440)
		if err == nil {
			_, err = f.WriteString(line + "\n")
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("/etc/passwd", fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh", machineUser, machineID, machineID, machineHome))
	add("/etc/shadow", machineUser+":*:20000:0:99999:7:::") // or sudo takes the account for locked
	add("/etc/group", fmt.Sprintf("%s:x:%d:", machineUser, machineID))
	if err := os.MkdirAll("/etc/sudoers.d", 0o750); err != nil {
		t.Fatal(err)
	}
	add("/etc/sudoers.d/"+machineUser, machineUser+" ALL=(ALL) NOPASSWD: ALL\nDefaults !use_pty, secure_path=\""+machinePath+"\"")
	for _, dir := range []string{machineHome, frontDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(machineHome, machineID, machineID); err != nil {
		t.Fatal(err)
	}
	checkout, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range standIns {
		script := "#!/bin/sh\n" + strings.ReplaceAll(strings.TrimSpace(s.script), "CHECKOUT", checkout) + "\n"
		if err := os.WriteFile(filepath.Join(frontDir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// machineCommand is a shell with a script, of the user or of root.
func machineCommand(ctx context.Context, script string, root bool) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-euc", script)
	cmd.Env = machineEnviron(root)
	if !root {
		cmd.Dir = machineHome
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: machineID, Gid: machineID}}
	}
	return cmd
}
