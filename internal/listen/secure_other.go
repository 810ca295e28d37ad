//go:build !unix

package listen

import "errors"

// readNow is for systems whose sockets can be read without waiting.
func readNow(int, []byte) (int, error) { return 0, errors.ErrUnsupported }
