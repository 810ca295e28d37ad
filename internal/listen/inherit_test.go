//go:build unix

package listen

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the program that the tests start as systemd would.
func TestMain(m *testing.M) {
	if os.Getenv("ZANCUDO_TEST_INHERIT") == "" {
		os.Exit(m.Run())
	}
	if err := beInherited(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// beInherited serves one connection on each of the sockets it was given.
func beInherited() error {
	in, err := Inherit()
	if err != nil {
		return err
	}
	if pid := os.Getenv("LISTEN_PID"); pid != "" {
		return fmt.Errorf("the environment still says %s", pid)
	}
	for name := range strings.SplitSeq(os.Getenv("ZANCUDO_TEST_INHERIT"), " ") {
		o := Options{Inherited: in}
		switch {
		case strings.HasPrefix(name, "/"):
			o.Path = name
		case strings.HasPrefix(name, ":"):
			fmt.Sscanf(name, ":%d", &o.Port)
			o.Loopback = true
		default:
			o.Name, o.Port = name, 1 // which it could not open
		}
		for range 2 { // as if it were closed and opened again by a reload
			all, err := in.take(context.Background(), &o)
			if err != nil || len(all) != 1 {
				return fmt.Errorf("%s: %d listeners, %w", name, len(all), err)
			}
			c, err := all[0].Accept()
			if err != nil {
				return err
			}
			fmt.Fprintf(c, "served %s", name)
			c.Close()
			all[0].Close()
		}
	}
	for _, told := range in.Unwanted() {
		fmt.Println(told)
	}
	return nil
}

func TestInherit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	byAddress, byName, unwanted := listenTCP(t), listenTCP(t), listenTCP(t)
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	connection, err := net.Dial("tcp", unwanted.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()

	_, port, _ := net.SplitHostPort(byAddress.Addr().String())
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
	for _, s := range []interface{ File() (*os.File, error) }{
		byAddress.(*net.TCPListener), byName.(*net.TCPListener), unix, unwanted.(*net.TCPListener),
		datagrams.(*net.UDPConn), connection.(*net.TCPConn),
	} {
		f, err := s.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	cmd.Env = append(os.Environ(), "ZANCUDO_TEST_INHERIT=:"+port+" mine "+path, "LISTEN_FDS=6", "LISTEN_FDNAMES=a:mine:b:c:d:e")
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, peer := range []struct {
		address net.Addr
		want    string
	}{{byAddress.Addr(), "served :" + port}, {byName.Addr(), "served mine"}, {unix.Addr(), "served " + path}} {
		for range 2 {
			c, err := net.Dial(peer.address.Network(), peer.address.String())
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(peer.want)+1)
			n, _ := c.Read(got)
			c.Close()
			if string(got[:n]) != peer.want {
				t.Errorf("%v: got %q, want %q", peer.address, got[:n], peer.want)
			}
		}
	}
	err = cmd.Wait()
	want := "d is not a listening socket: it is not for streams\n" +
		"e is not a listening socket: it is a connection; the unit of the socket must not say Accept=yes\n" +
		"c is open at " + unwanted.Addr().String() + ", and no listener is for it\n"
	if err != nil || out.String() != want {
		t.Errorf("it ends with %v and\n%s", err, out)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket of systemd is removed: %v", err)
	}
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// What was meant for another process is left alone.
func TestInheritOther(t *testing.T) {
	for _, pid := range []string{"", "1", strconv.Itoa(os.Getppid())} {
		t.Setenv("LISTEN_PID", pid)
		t.Setenv("LISTEN_FDS", "3")
		in, err := Inherit()
		if err != nil || len(in.sockets) != 0 || len(in.Unwanted()) != 0 {
			t.Errorf("got %+v, %v", in, err)
		}
	}
	if _, err := inherit(3, "many", ""); err == nil || !strings.Contains(err.Error(), `LISTEN_FDS is "many"`) {
		t.Errorf("got %v", err)
	}
}

// A socket of systemd at another address is in the way of the listener, and said.
func TestInheritElsewhere(t *testing.T) {
	t.Parallel()
	l := listenTCP(t).(*net.TCPListener)
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	in := &Inherited{}
	in.add(f, "mqtt.socket")
	_, err = Open(t.Context(), Options{Port: l.Addr().(*net.TCPAddr).Port, Inherited: in})
	if err == nil || !strings.Contains(err.Error(), "systemd has opened "+l.Addr().String()+" for this process instead") {
		t.Errorf("got %v", err)
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	at := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1883} }
	all := map[string]net.Addr{
		"any4": at("0.0.0.0"), "any6": at("::"), "lo4": at("127.0.0.1"), "lo6": at("::1"), "eth": at("192.0.2.1"),
		"unix": &net.UnixAddr{Name: "/run/s", Net: "unix"},
	}
	for _, tt := range []struct {
		o    Options
		want []string
	}{
		{Options{Port: 1883}, []string{"any4", "any6"}},
		{Options{Port: 1883, Domain: IPv4}, []string{"any4"}},
		{Options{Port: 1883, Loopback: true}, []string{"lo4", "lo6"}},
		{Options{Port: 1883, Address: "192.0.2.1"}, []string{"eth"}},
		{Options{Port: 1883, Address: "0.0.0.0"}, []string{"any4"}},
		{Options{Port: 1883, Address: "localhost"}, []string{"lo4", "lo6"}},
		{Options{Port: 1883, Address: "localhost", Domain: IPv4}, []string{"lo4"}},
		{Options{Port: 1884}, nil},
		{Options{}, nil},
		{Options{Path: "/run/../run/s"}, []string{"unix"}},
		{Options{Path: "/run/t"}, nil},
		{Options{Port: 99, Name: "eth"}, []string{"eth"}},
	} {
		var got []string
		for name, a := range all {
			if (&inherited{name: name, address: a}).fits(t.Context(), &tt.o) {
				got = append(got, name)
			}
		}
		if slices.Sort(got); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: got %v, want %v", tt.o, got, tt.want)
		}
	}
}

// patience is how long what should happen at once may take.
const patience = 30 * time.Second

// As many connections wait as the kernel allows.
func TestBacklog(t *testing.T) {
	t.Parallel()
	limit, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Skip(err)
	}
	var most int
	fmt.Sscan(string(limit), &most)
	l := open(t, Options{Address: "127.0.0.1"})[0]
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { syscall.Listen(int(fd), 1) }) // as if the file were hidden
	deepen(l.(syscall.Conn))
	for range min(most, 200) {
		c, err := net.DialTimeout("tcp", l.Addr().String(), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
}
