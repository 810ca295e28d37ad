//go:build unix

package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ownerOf returns the user id of a file's owner.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid), true
	}
	return 0, false
}

// giveToOwner gives a file that root has made to the owner of the directory, who
// could not use it otherwise.
func (s *Store) giveToOwner(name string) {
	if !isOS(s.base) || os.Geteuid() != 0 {
		return
	}
	info, err := os.Stat(s.options.Dir)
	if err != nil {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
		_ = os.Lchown(name, int(stat.Uid), int(stat.Gid)) // the broker says what it may not open
	}
}

// giveAllToOwner does that with all that is in the directory.
func (s *Store) giveAllToOwner() {
	if !isOS(s.base) || os.Geteuid() != 0 {
		return
	}
	_ = filepath.WalkDir(s.options.Dir, func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			s.giveToOwner(name)
		}
		return nil
	})
}

// giveToParent gives a directory that root has made to the owner of the one it
// is in.
func (s *Store) giveToParent() {
	if !isOS(s.base) || os.Geteuid() != 0 {
		return
	}
	info, err := os.Stat(filepath.Dir(s.options.Dir))
	if err != nil {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = os.Lchown(s.options.Dir, int(stat.Uid), int(stat.Gid)) // the broker says what it may not open
	}
}
