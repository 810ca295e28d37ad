//go:build unix

package listen

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "broker.sock")
	l := open(t, Options{Path: path, Mode: 0o660})[0]
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if _, ok := accepted.(*net.UnixConn); !ok {
		t.Errorf("a connection is a %T", accepted)
	}
	for range 2 {
		l.Close()
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("closed, it leaves its file: %v", err)
	}
}

// Without a mode it is the umask that says who may connect.
func TestUmask(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	open(t, Options{Path: path})
	info, err := os.Lstat(path)
	if want := 0o777 &^ umask(); err != nil || info.Mode().Perm() != want {
		t.Errorf("the file is %v, want %v; %v", info.Mode(), want, err)
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Skip(err)
	}
	for _, name := range []string{me.Username, me.Uid, me.Username + ":" + me.Gid, ":" + me.Gid} {
		path := filepath.Join(t.TempDir(), "s")
		open(t, Options{Path: path, Owner: name})
		info, err := os.Lstat(path)
		if want := 0o777 &^ umask(); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: the file is %v, want %v; %v", name, info.Mode(), want, err)
		}
	}
	if os.Getuid() != 0 {
		return
	}
	path := filepath.Join(t.TempDir(), "s")
	open(t, Options{Path: path, Owner: "12345:23456", Mode: 0o600})
	var info syscall.Stat_t
	if err := syscall.Lstat(path, &info); err != nil || info.Uid != 12345 || info.Gid != 23456 {
		t.Errorf("it is owned by %d:%d, %v", info.Uid, info.Gid, err)
	}
}

// A socket that a broker has left when it was killed gives way; one that is in
// use does not, nor does any other file.
func TestStaleSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if _, err := Open(t.Context(), Options{Path: path}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("in use: got %v", err)
	}
	left.Close()
	l := open(t, Options{Path: path})[0]
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()

	// Another broker has taken its place: its file stays.
	os.Remove(path)
	other, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the file of another is gone: %v", err)
	}
}

func TestUnixErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Path: file}, "File exists, and is no socket: unix socket \"" + file + "\". Choose another path"},
		{Options{Path: filepath.Join(dir, strings.Repeat("x", maxPath))}, "Path to unix socket is too long: "},
		{Options{Path: filepath.Join(dir, "none", "s")}, "No such file or directory: "},
		{Options{Path: filepath.Join(dir, "s"), Owner: "no such user"}, "no such owner: user \"no such user\": unix socket "},
		{Options{Path: filepath.Join(dir, "s"), Owner: ":no such group"}, "no such owner: group \"no such group\": unix socket "},
	} {
		all, err := Open(t.Context(), tt.o)
		closeAll(all)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("got %v, want %s…", err, tt.want)
		}
	}
	if text, err := os.ReadFile(file); string(text) != "precious" {
		t.Errorf("the file says %q, %v", text, err)
	}
	if rest, _ := filepath.Glob(filepath.Join(dir, "s*")); len(rest) > 0 {
		t.Errorf("a socket was left: %v", rest)
	}
}

// A name that Go takes for one without a file is a file all the same.
func TestNoAbstractSocket(t *testing.T) {
	t.Chdir(t.TempDir())
	open(t, Options{Path: "@s"})
	if info, err := os.Lstat("@s"); err != nil || info.Mode().Type() != fs.ModeSocket {
		t.Error("there is no file", err)
	}
}

func TestUnixProxy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l := open(t, Options{Path: path, Proxy: ProxyOptions{Version: 1}})[0]
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte(headerV1))
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if _, ok := accepted.(*Proxied).PlainSocket().(*net.UnixConn); !ok || accepted.RemoteAddr().String() != "192.0.2.5:6275" {
		t.Errorf("a connection from %v is a %T", accepted.RemoteAddr(), accepted)
	}
}
