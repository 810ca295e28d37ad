//go:build unix

package broker

import (
	"net"
	"syscall"
)

// socket reads and writes a TCP or unix socket without blocking and, above all,
// without a buffer while it waits: an idle connection costs its stack only.
// For any other connection raw is nil.
type socket struct {
	raw      syscall.RawConn
	readable func(fd uintptr) bool
	writable func(fd uintptr) bool
	sealed   sealed // nil: the bytes are those of the socket

	pending      []byte // being written
	writtenBytes int
	writeErr     syscall.Errno
	readBytes    int
	readErr      error
}

// plain is a connection whose bytes are those of the socket that it wraps.
type plain interface{ PlainSocket() net.Conn }

// sealed is a connection whose bytes are not those of its socket, as one with
// TLS, but which can be read without waiting while the socket is held. The error
// is syscall.EAGAIN, by itself, when there is nothing to read.
type sealed interface {
	Socket() net.Conn
	ReadSocket(fd uintptr, b []byte) (int, error)
}

// open takes over the socket of c. Other types of connections, though they
// may wrap a socket, must be read through their own methods.
func (s *socket) open(c *conn) {
	var err error
	n := c.net
	switch wrapped := n.(type) {
	case plain:
		n = wrapped.PlainSocket()
	case sealed:
		s.sealed = wrapped
		n = wrapped.Socket()
	}
	switch n := n.(type) {
	case *net.TCPConn:
		s.raw, err = n.SyscallConn()
	case *net.UnixConn:
		s.raw, err = n.SyscallConn()
	}
	if err != nil || s.raw == nil {
		s.raw = nil
		return
	}
	s.readable = c.onReadable
	s.writable = c.onWritable
}

// read waits until there are bytes and reads them into c.space().
func (s *socket) read(c *conn) (int, error) {
	if err := s.raw.Read(s.readable); err != nil {
		return 0, err
	}
	return s.readBytes, s.readErr
}

// plain reports whether the socket may be written as it is.
func (s *socket) plain() bool { return s.raw != nil && s.sealed == nil }

// onReadable reads once. It returns false to be called again when there is
// something to read, and keeps nothing borrowed until then.
func (c *conn) onReadable(fd uintptr) bool {
	s := &c.socket
	c.handling.Store(true) // before there are bytes that behind cannot see
	for {
		if s.sealed != nil {
			s.readBytes, s.readErr = s.sealed.ReadSocket(fd, c.space())
		} else {
			s.readBytes, s.readErr = syscall.Read(int(fd), c.space())
		}
		switch s.readErr {
		case syscall.EINTR: //nolint:errorlint // package syscall returns the number itself
			continue
		case syscall.EAGAIN:
			if c.scratch != nil {
				returnScratch(c.scratch)
				c.scratch = nil
			}
			c.handling.Store(false)
			return false
		default:
			return true
		}
	}
}

// behind reports whether the client has said what is not handled yet. Only a
// socket can tell.
func (c *conn) behind() bool {
	if c.socket.raw == nil || c.detached.Load() {
		return false
	}
	unread := false
	err := c.socket.raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		unread = err == nil
	})
	return err == nil && (unread || c.handling.Load())
}

// write writes as much of b as the socket takes now.
func (s *socket) write(b []byte) (int, error) {
	s.pending, s.writtenBytes, s.writeErr = b, 0, 0
	err := s.raw.Write(s.writable)
	s.pending = nil
	if err == nil && s.writeErr != 0 {
		err = s.writeErr
	}
	return s.writtenBytes, err
}

// onWritable writes until all is written or the socket is full, and never
// waits.
func (c *conn) onWritable(fd uintptr) bool {
	s := &c.socket
	for s.writtenBytes < len(s.pending) {
		n, err := syscall.Write(int(fd), s.pending[s.writtenBytes:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			s.writeErr = errno(err)
			return true
		}
		s.writtenBytes += n
	}
	return true
}

// errno is the error of a system call; zero: none.
func errno(err error) syscall.Errno {
	e, _ := err.(syscall.Errno) //nolint:errorlint // package syscall returns the number itself
	return e
}
