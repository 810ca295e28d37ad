//go:build unix

package listen

import (
	"io"
	"syscall"
)

// readNow reads a socket without waiting.
func readNow(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, b)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// ReadSocket is Read for who holds the descriptor of Socket: it does not wait,
// and its error is syscall.EAGAIN when there is nothing to read. The handshake
// must have been done.
func (c *Secured) ReadSocket(fd uintptr, b []byte) (int, error) {
	c.wire.held = int(fd) + 1
	n, err := c.Session.Read(b)
	c.wire.held = 0
	if n > 0 && !c.told.Load() {
		c.tell()
	}
	return n, err
}
