//go:build !unix

package service

// DropPrivileges does nothing: this system has no way for a process to become
// another user's.
func DropPrivileges(IdentityOptions) (*Identity, error) { return nil, nil }

// SetUmask does nothing: this system has no umask.
func SetUmask(string) error { return nil }
