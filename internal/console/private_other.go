//go:build !unix

package console

// private has nothing to look at: here, directories of a user are private.
func private(string) error { return nil }

// refused cannot tell whether nobody listens on a socket.
func refused(error) bool { return false }
