package listen

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Inherited are the listening sockets that systemd has opened for this process.
// They stay open: a listener that is closed at a reload and opened again finds
// its socket here.
type Inherited struct {
	mu      sync.Mutex
	sockets []*inherited
	strange []string // what was passed and is no listening socket of a stream
}

type inherited struct {
	file    *os.File
	name    string
	address net.Addr
	wanted  bool
}

// firstInherited is the first file that a process gets in this way.
const firstInherited = 3

// Inherit takes over what systemd has opened for this process, which the
// environment tells, and clears the environment, so that no child believes that
// it was meant. It must be called once, before any file is opened.
func Inherit() (*Inherited, error) {
	defer func() {
		for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
			_ = os.Unsetenv(name) // fails for names that no system allows
		}
	}()
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return &Inherited{}, nil
	}
	return inherit(firstInherited, os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"))
}

// inherit takes over count files from first on.
func inherit(first int, count, names string) (*Inherited, error) {
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > 10_000 {
		return nil, fmt.Errorf("sockets of systemd: LISTEN_FDS is %q, which is not a number of them", count)
	}
	in, named := &Inherited{}, strings.Split(names, ":")
	for i := range n {
		name := "unknown" // as systemd calls them
		if i < len(named) && named[i] != "" {
			name = named[i]
		}
		in.add(os.NewFile(uintptr(first+i), name), name)
	}
	return in, nil
}

func (in *Inherited) add(f *os.File, name string) {
	if f == nil {
		return
	}
	if err := listening(f); err != nil {
		in.strange = append(in.strange, fmt.Sprintf("%s is not a listening socket: %v", name, err))
		_ = f.Close() // nobody has any use for it
		return
	}
	l, err := net.FileListener(f)
	if err != nil {
		in.strange = append(in.strange, fmt.Sprintf("%s cannot be used: %v", name, err))
		_ = f.Close() // nobody has any use for it
		return
	}
	in.sockets = append(in.sockets, &inherited{file: f, name: name, address: l.Addr()})
	_ = l.Close() // it was a copy
}

// Unwanted tells of each socket that no listener has asked for, and of all that
// was passed and is no socket to listen on.
func (in *Inherited) Unwanted() []string {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	told := append([]string(nil), in.strange...)
	for _, s := range in.sockets {
		if !s.wanted {
			told = append(told, fmt.Sprintf("%s is open at %s, and no listener is for it", s.name, s.address))
		}
	}
	return told
}

// at names the sockets that have a port of TCP.
func (in *Inherited) at(port int) string {
	if in == nil {
		return ""
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	var all []string
	for _, s := range in.sockets {
		if a, ok := s.address.(*net.TCPAddr); ok && a.Port == port {
			all = append(all, a.String())
		}
	}
	return strings.Join(all, " and ")
}

// take returns a listener for each socket that fits o.
func (in *Inherited) take(ctx context.Context, o *Options) (all []net.Listener, err error) {
	if in == nil {
		return nil, nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, s := range in.sockets {
		if !s.fits(ctx, o) {
			continue
		}
		l, err := net.FileListener(s.file)
		if err != nil {
			closeAll(all)
			return nil, fmt.Errorf("use the socket %s of systemd: %w", s.name, err)
		}
		s.wanted = true
		if tcp, ok := l.(*net.TCPListener); ok {
			l = &tuned{TCPListener: tcp, noDelay: !o.Delay}
		}
		all = append(all, l)
	}
	return all, nil
}

// fits reports whether a socket is one that o asks for.
func (s *inherited) fits(ctx context.Context, o *Options) bool {
	if o.Name != "" {
		return s.name == o.Name
	}
	switch a := s.address.(type) {
	case *net.UnixAddr:
		return o.Path != "" && clean(a.Name) == clean(o.Path)
	case *net.TCPAddr:
		return o.Path == "" && o.Port != 0 && a.Port == o.Port && o.covers(ctx, a.AddrPort().Addr().Unmap())
	default:
		return false
	}
}

// covers reports whether o asks for an address. A name that has none is for
// whoever opens the socket to complain of.
func (o *Options) covers(ctx context.Context, ip netip.Addr) bool {
	switch {
	case o.thisMachine():
		return ip.IsLoopback() && o.Domain.has(ip)
	case o.Address == "":
		return ip.IsUnspecified() && o.Domain.has(ip)
	default:
		hosts, err := o.hosts(ctx)
		return err == nil && slices.Contains(hosts, ip.String())
	}
}

// tuned is a listener whose connections are like those of our own, though its
// socket was opened by another program.
type tuned struct {
	*net.TCPListener
	noDelay bool
}

func (l *tuned) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	// Go has set its own, which are for programs without a keep alive of their
	// own; these are what Linux begins with. They fail on a connection that has
	// ended already.
	_ = c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 2 * time.Hour, Interval: 75 * time.Second, Count: 9})
	_ = c.SetNoDelay(l.noDelay)
	return c, nil
}
