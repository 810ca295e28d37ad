//go:build unix

package password

import (
	"errors"
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

func keepOwner(temp *os.File, before fs.FileInfo) error {
	old, ok := before.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := temp.Stat()
	if err != nil {
		return err
	}
	if fresh, ok := info.Sys().(*syscall.Stat_t); ok && fresh.Uid == old.Uid && fresh.Gid == old.Gid {
		return nil
	}
	return temp.Chown(int(old.Uid), int(old.Gid))
}

// syncDirectory makes the new name last.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
