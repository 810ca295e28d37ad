//go:build unix

package password

import (
	"io/fs"
	"os"
	"syscall"
)

// ours reports whether a file belongs to the user who runs this.
func ours(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return !ok || belongs(int(s.Uid), os.Geteuid())
}

// belongs reports whether a user may take the file of an owner for his own:
// root's files are as good, and to root every file belongs.
func belongs(owner, user int) bool { return user == 0 || owner == 0 || owner == user }
