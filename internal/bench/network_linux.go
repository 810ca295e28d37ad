package bench

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// epoll is the network of raw sockets behind one epoll instance. No goroutine
// waits for a connection, and none is woken for a message.
type epoll struct {
	to        events
	broker    netip.AddrPort
	addresses int // source addresses
	opened    int
	fd        int
	conns     []*conn // by file descriptor
	ready     []syscall.EpollEvent
	buf       []byte
	waitFor   func(epoll int, ready []syscall.EpollEvent, d time.Duration) (int, syscall.Errno)
}

// newNetwork returns the lightest network there is for plain TCP. own tells that the broker runs in this process.
func newNetwork(to events, broker netip.AddrPort, addresses int, own bool) (network, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	runtime.LockOSThread()
	precise()
	n := &epoll{
		to: to, broker: broker, addresses: addresses, fd: fd, waitFor: rawWait,
		ready: make([]syscall.EpollEvent, 1024), buf: make([]byte, 256<<10),
	}
	if own {
		n.waitFor = politeWait
	}
	return n, nil
}

const (
	ipBindAddressNoPort = 24
	prSetTimerSlack     = 29
)

// precise asks the kernel to end waits of this thread on time, not up to 50 µs
// later.
func precise() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerSlack, 1, 0)
}

func (n *epoll) open(c *conn) {
	if err := n.connect(c); err != nil {
		n.to.gone(c, err)
	}
}

func (n *epoll) connect(c *conn) error {
	family := syscall.AF_INET
	if n.broker.Addr().Is6() {
		family = syscall.AF_INET6
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	c.fd, c.out, c.blocked, c.connecting = fd, nil, false, true
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	n.opened++
	if source, ok := sourceAddress(n.broker.Addr(), n.opened, n.addresses); ok {
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
		if err := syscall.Bind(fd, socketAddress(netip.AddrPortFrom(source, 0))); err != nil {
			n.close(c)
			return os.NewSyscallError("bind", err)
		}
	}
	err = syscall.Connect(fd, socketAddress(n.broker))
	if err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		n.close(c)
		return os.NewSyscallError("connect", err)
	}
	for len(n.conns) <= fd {
		n.conns = append(n.conns, nil)
	}
	n.conns[fd] = c
	n.watch(c, syscall.EPOLL_CTL_ADD, syscall.EPOLLOUT)
	return nil
}

func socketAddress(a netip.AddrPort) syscall.Sockaddr {
	if a.Addr().Is4() {
		return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	zone, _ := strconv.ParseUint(a.Addr().Zone(), 10, 32)
	return &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: uint32(zone)}
}

func (n *epoll) watch(c *conn, op int, what uint32) {
	e := syscall.EpollEvent{Events: what, Fd: int32(c.fd)}
	_ = syscall.EpollCtl(n.fd, op, c.fd, &e)
}

func (n *epoll) send(c *conn, b []byte) {
	if c.fd < 0 {
		return
	}
	if len(c.out) == 0 {
		done, err := write(c.fd, b)
		if done == len(b) {
			return
		}
		if err != nil {
			n.lose(c, os.NewSyscallError("write", err))
			return
		}
		b = b[done:]
		c.blocked = true
		n.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLOUT)
	}
	c.out = append(c.out, b...)
}

// write takes what the socket takes. Nothing is no error.
func write(fd int, b []byte) (int, error) {
	for {
		n, errno := rawWrite(fd, b)
		switch errno {
		case 0:
			return n, nil
		case syscall.EAGAIN:
			return 0, nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// resume writes what had to wait.
func (n *epoll) resume(c *conn) {
	done, err := write(c.fd, c.out)
	if err != nil {
		n.lose(c, os.NewSyscallError("write", err))
		return
	}
	if c.out = c.out[done:]; len(c.out) > 0 {
		return
	}
	c.out, c.blocked = nil, false
	n.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN)
	n.to.writable(c)
}

func (n *epoll) finish(c *conn) {
	if c.fd >= 0 {
		_ = syscall.Shutdown(c.fd, syscall.SHUT_WR)
	}
}

func (n *epoll) close(c *conn) {
	if c.fd < 0 {
		return
	}
	_ = syscall.Close(c.fd)
	if c.fd < len(n.conns) {
		n.conns[c.fd] = nil
	}
	c.fd, c.out, c.blocked = -1, nil, false
}

func (n *epoll) lose(c *conn, err error) {
	n.close(c)
	n.to.gone(c, err)
}

func (n *epoll) wait(d time.Duration) {
	count := n.poll(max(0, d))
	for i := range n.ready[:count] {
		e := &n.ready[i]
		c := n.conns[e.Fd]
		switch {
		case c == nil: // closed while an earlier event was handled
		case c.connecting:
			n.connected(c)
		default:
			if e.Events&syscall.EPOLLOUT != 0 && len(c.out) > 0 {
				n.resume(c)
			}
			if e.Events&^syscall.EPOLLOUT != 0 && c.fd >= 0 {
				n.read(c)
			}
		}
	}
}

// poll returns how many of n.ready are set.
func (n *epoll) poll(d time.Duration) int {
	count, errno := n.waitFor(n.fd, n.ready, d)
	if errno == syscall.ENOSYS { // before Linux 5.11
		n.waitFor = coarseWait
	}
	if errno != 0 {
		return 0
	}
	return count
}

func (n *epoll) connected(c *conn) {
	c.connecting = false
	errno, err := syscall.GetsockoptInt(c.fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && errno != 0 {
		err = syscall.Errno(errno)
	}
	if err != nil {
		n.lose(c, os.NewSyscallError("connect", err))
		return
	}
	n.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN)
	n.to.opened(c)
}

func (n *epoll) read(c *conn) {
	count, errno := rawRead(c.fd, n.buf)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
	case errno != 0:
		n.lose(c, os.NewSyscallError("read", errno))
	case count == 0:
		n.lose(c, io.EOF)
	default:
		n.to.receive(c, n.buf[:count])
	}
}

func (n *epoll) shutdown() {
	for _, c := range n.conns {
		if c != nil {
			n.close(c)
		}
	}
	_ = syscall.Close(n.fd)
	runtime.UnlockOSThread()
}
