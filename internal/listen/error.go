package listen

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Error is a socket that could not be opened.
type Error struct {
	Address   string // empty: all addresses
	Port      int
	Interface string // empty: all
	Path      string // of a unix socket; empty: it is one of TCP
	Holder    Holder // who has the address, of an error that wraps EADDRINUSE
	Passed    string // what systemd has opened for this process at that port; empty: nothing
	Err       error
}

// Reasons that no system call gives.
var (
	errOtherDomain    = errors.New("address family for hostname not supported")
	errNoInterface    = errors.New("no such interface")
	errNotOnInterface = errors.New("interface does not have the address")
	errLongPath       = errors.New("path to unix socket is too long")
	errNoSocket       = errors.New("file is not a socket")
	errOwner          = errors.New("no such owner")
)

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s. ", e.what(), e.where())
	if e.Passed != "" {
		return text + fmt.Sprintf("systemd has opened %s for this process instead: give the listener and the socket unit the same address.", e.Passed)
	}
	if holder := e.Holder.String(); holder != "" {
		text += holder + " "
	}
	return text + e.remedy()
}

func (e *Error) Unwrap() error { return e.Err }

// is reports whether the error wraps target.
func (e *Error) is(target error) bool { return errors.Is(e.Err, target) }

// what is the reason, in the words of Mosquitto, which are those of C.
func (e *Error) what() string {
	for _, known := range []struct {
		err  error
		text string
	}{
		{syscall.EADDRINUSE, "Address already in use"},
		{syscall.EACCES, "Permission denied"},
		{syscall.EPERM, "Permission denied"},
		{syscall.EADDRNOTAVAIL, "Cannot assign requested address"},
		{syscall.ENOENT, "No such file or directory"},
		{errOtherDomain, "Address family for hostname not supported"},
		{errNoInterface, "No such device"},
		{errNotOnInterface, "Interface address does not match specified listener host"},
		{errLongPath, "Path to unix socket is too long"},
		{errNoSocket, "File exists, and is no socket"},
	} {
		if e.is(known.err) {
			return known.text
		}
	}
	if _, ok := errors.AsType[*net.DNSError](e.Err); ok {
		return "Unknown host"
	}
	if system, ok := errors.AsType[syscall.Errno](e.Err); ok {
		return system.Error()
	}
	return e.Err.Error()
}

func (e *Error) where() string {
	if e.Path != "" {
		return fmt.Sprintf("unix socket %q", e.Path)
	}
	text := fmt.Sprintf("port %d", e.Port)
	if e.Address != "" {
		text += " of " + e.Address
	}
	if e.Interface != "" {
		text += " on interface " + e.Interface
	}
	return text
}

func (e *Error) remedy() string {
	if e.Path != "" {
		return e.remedyUnix()
	}
	_, unknown := errors.AsType[*net.DNSError](e.Err)
	switch {
	case e.is(syscall.EADDRINUSE):
		return e.Holder.remedy()
	case e.denied() && e.Port < 1024:
		return "Ports below 1024 are for the administrator: choose another, with -p or in the configuration, or give the program the capability CAP_NET_BIND_SERVICE."
	case e.is(errNotOnInterface):
		return fmt.Sprintf("'ip address show %s' lists the addresses that it has; give one of them, or leave the address out.", e.Interface)
	case e.is(errNoInterface):
		return "'ip link' lists the interfaces of this machine."
	case e.is(syscall.EADDRNOTAVAIL):
		return "This machine does not have the address: 'ip address' shows those it has."
	case e.is(errOtherDomain):
		return "Give an address of the family that 'socket_domain' names, or remove that line."
	case unknown:
		return "Give an IP address, or a name that the system can look up."
	default:
		return "Choose another port or address."
	}
}

func (e *Error) remedyUnix() string {
	switch {
	case e.is(syscall.EADDRINUSE):
		return "Stop the program that answers there, perhaps another broker, or choose another path."
	case e.denied():
		return "The user that the broker runs as must be allowed to write into the directory; to give the socket to another owner needs an administrator."
	case e.is(syscall.ENOENT):
		return "Create the directory first."
	case e.is(errLongPath):
		return fmt.Sprintf("The system allows %d bytes: choose a shorter path.", maxPath)
	case e.is(errNoSocket):
		return "Choose another path, or remove the file if nobody needs it."
	case e.is(errOwner):
		return "Name a user and a group that this system has, as in 'mosquitto:mosquitto'."
	default:
		return "Choose another path."
	}
}

func (e *Error) denied() bool { return e.is(syscall.EACCES) || e.is(syscall.EPERM) }

// noSuchAddress reports whether the machine has no address of the kind, as one
// without IPv6 has no ::1.
func noSuchAddress(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EPROTONOSUPPORT)
}
