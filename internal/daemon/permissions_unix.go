//go:build unix

package daemon

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// permissions says who may read a file and who asks. If a directory is what
// keeps the file out of sight, it says so of that.
func permissions(name string) string {
	who := "this process runs as " + userName(uint32(os.Geteuid()))
	for path := filepath.Clean(name); ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err == nil {
			return fmt.Sprintf("%s has mode %04o and belongs to %s, and %s", path, info.Mode().Perm(), owner(info), who)
		}
		if path == filepath.Dir(path) {
			return who
		}
	}
}

// owner names whom a file belongs to.
func owner(info os.FileInfo) string {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return userName(s.Uid)
	}
	return "somebody"
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return fmt.Sprintf("%s (uid %s)", u.Username, id)
	}
	return "uid " + id
}
