//go:build !unix

package listen

// MaxFiles is how many files and sockets this process may have open, or 0 if
// that is not known.
func MaxFiles() int { return 0 }
