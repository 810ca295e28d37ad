//go:build !unix

package pki

import "os"

// lockDirectory opens a directory. Where nothing can be locked, two commands at
// a time are up to whoever starts them.
func lockDirectory(dir string) (*os.File, error) { return os.Open(dir) }

// writable reports whether this process may put files into a directory.
func writable(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}
