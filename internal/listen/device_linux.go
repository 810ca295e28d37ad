package listen

import "syscall"

// bind binds a socket, before it gets its address, to the device of the place.
func (p place) bind(_, _ string, raw syscall.RawConn) error {
	if p.device == "" {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) { failed = syscall.BindToDevice(int(fd), p.device) })
	if err == nil {
		err = failed
	}
	return err
}

// mayBindToDevice tries to bind a socket to a device. Before Linux 5.7 only an
// administrator could.
func mayBindToDevice(name string) bool {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = syscall.Close(fd) }()
	return syscall.BindToDevice(fd, name) == nil
}

// makePrivate sets the mode that the file of a unix socket will have when it
// is bound: the owner's only.
func makePrivate(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o600) })
	if err == nil {
		err = failed
	}
	return err
}
