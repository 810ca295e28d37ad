//go:build !unix

package pki

import "os"

// lockDirectory opens a directory. Where nothing can be locked, two commands at
// a time are up to whoever starts them.
func lockDirectory(dir string) (*os.File, error) { return os.Open(dir) }

// giveAway does nothing where files have no owner that could be set.
func giveAway(*os.File, string) error { return nil }

// writable reports whether this process may put files into a directory.
func writable(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

// syncDirectory does nothing where a directory cannot be synced.
func syncDirectory(string) error { return nil }
