//go:build unix

package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// DropPrivileges turns an administrator's process into one of another user, for
// good. It returns nil for a process that is none already, or that shall stay
// what it is.
func DropPrivileges(o IdentityOptions) (*Identity, error) {
	if os.Geteuid() != 0 || o.User == "root" && o.UID == "" && o.GID == "" {
		return nil, nil
	}
	i, err := o.find()
	if err != nil {
		return nil, err
	}
	if i.Groups == nil {
		i.Groups = []int{i.GID}
	}
	if err := i.give(o.StateDir); err != nil {
		return nil, fmt.Errorf("make the state directory for %v: %w", i, err)
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"groups", func() error { return syscall.Setgroups(i.Groups) }},
		{"group", func() error { return syscall.Setgid(i.GID) }},
		{"user", func() error { return syscall.Setuid(i.UID) }},
	} {
		if err := step.do(); err != nil {
			return nil, fmt.Errorf("setting %s whilst dropping privileges to %v: %w", step.what, i, err)
		}
	}
	if i.UID != 0 && syscall.Setuid(0) == nil {
		return nil, fmt.Errorf("dropping privileges to %v: %w", i, errors.New("the process can still become root"))
	}
	return &i, nil
}

// give makes a directory the identity's, unless there is something in it: whose
// that is has been decided before.
func (i Identity) give(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) > 0 {
		return err
	}
	return os.Lchown(dir, i.UID, i.GID)
}

// SetUmask sets the umask to an octal number.
func SetUmask(text string) error {
	mask, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mask > 0o777 {
		return fmt.Errorf("UMASK_SET is %q, which is not an octal number up to 777, as 0022 is", text)
	}
	syscall.Umask(int(mask))
	return nil
}
