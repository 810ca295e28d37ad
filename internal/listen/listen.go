package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Options say where to listen.
type Options struct {
	Port int // 0: any that is free, the same at all addresses
	// Address is an IP address or a host name; empty: all addresses.
	Address string
	// Loopback listens on 127.0.0.1 and ::1 instead.
	Loopback bool
	// Delay lets the kernel wait for more before it sends a small packet.
	Delay bool
}

// Open opens the sockets that o asks for: one, or one for each address of a
// host name. The error of a socket that cannot be opened is an *Error.
func Open(ctx context.Context, o Options) ([]net.Listener, error) {
	hosts, err := o.hosts(ctx)
	if err != nil {
		return nil, err
	}
	var open []net.Listener
	var missing error
	for _, host := range hosts {
		l, err := o.open(ctx, host)
		switch {
		case err == nil:
			open = append(open, l)
			if o.Port == 0 {
				o.Port = l.Addr().(*net.TCPAddr).Port
			}
		case len(hosts) > 1 && noSuchAddress(err):
			missing = err
		default:
			closeAll(open)
			return nil, err
		}
	}
	if len(open) == 0 {
		return nil, missing
	}
	return open, nil
}

func closeAll(all []net.Listener) {
	for _, l := range all {
		_ = l.Close() // there is an error to tell already
	}
}

func (o *Options) hosts(ctx context.Context) ([]string, error) {
	switch {
	case o.Loopback:
		return []string{"127.0.0.1", "::1"}, nil
	case o.Address == "" || net.ParseIP(o.Address) != nil:
		return []string{o.Address}, nil
	}
	hosts, err := net.DefaultResolver.LookupHost(ctx, o.Address)
	if err != nil {
		return nil, &Error{Address: o.Address, Port: o.Port, Err: err}
	}
	return hosts, nil
}

func (o *Options) open(ctx context.Context, host string) (net.Listener, error) {
	// A broker has a keep alive of its own. That of TCP is for clients that
	// switched it off, and as rare as the kernel has it: Go's would wake every
	// sleeping device four times a minute.
	config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}}
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(o.Port)))
	if err != nil {
		return nil, &Error{Address: host, Port: o.Port, Err: err}
	}
	if o.Delay {
		return &delaying{l.(*net.TCPListener)}, nil
	}
	return l, nil
}

// delaying is a listener whose connections wait for more to send, which Go's do
// not by default.
type delaying struct{ *net.TCPListener }

func (l *delaying) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	_ = c.SetNoDelay(false) // fails on a connection that has ended already
	return c, nil
}

// Error is a socket that could not be opened.
type Error struct {
	Address string // empty: all addresses
	Port    int
	Err     error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s. %s", e.what(), e.where(), e.remedy())
}

func (e *Error) Unwrap() error { return e.Err }

// what is the reason, in the words of Mosquitto, which are those of C.
func (e *Error) what() string {
	var dns *net.DNSError
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "Address already in use"
	case denied(e.Err):
		return "Permission denied"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "Cannot assign requested address"
	case errors.As(e.Err, &dns):
		return "Unknown host"
	}
	var system syscall.Errno
	if errors.As(e.Err, &system) {
		return system.Error()
	}
	return e.Err.Error()
}

func (e *Error) where() string {
	if e.Address == "" {
		return fmt.Sprintf("port %d", e.Port)
	}
	return fmt.Sprintf("port %d of %s", e.Port, e.Address)
}

func (e *Error) remedy() string {
	var dns *net.DNSError
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "Stop the program that listens there, perhaps another broker, or choose another port, with -p or in the configuration."
	case denied(e.Err) && e.Port < 1024:
		return "Ports below 1024 are for the administrator: choose another, with -p or in the configuration, or give the program the capability CAP_NET_BIND_SERVICE."
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "This machine does not have the address: 'ip address' shows those it has."
	case errors.As(e.Err, &dns):
		return "Give an IP address, or a name that the system can look up."
	default:
		return "Choose another port or address."
	}
}

func denied(err error) bool {
	return errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}

// noSuchAddress reports whether the machine has no address of the kind, as one
// without IPv6 has no ::1.
func noSuchAddress(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EPROTONOSUPPORT)
}
