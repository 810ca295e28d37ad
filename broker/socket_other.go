//go:build !unix

package broker

import (
	"errors"
	"syscall"
)

// socket is for systems whose sockets can be read without blocking; here every
// connection is read through its own methods, and raw stays nil.
type socket struct{ raw syscall.RawConn }

func (s *socket) open(*conn) {}

func (s *socket) plain() bool { return false }

func (c *conn) behind() bool { return false }

func (s *socket) read(*conn) (int, error) { return 0, errors.ErrUnsupported }

func (s *socket) write([]byte) (int, error) { return 0, errors.ErrUnsupported }
