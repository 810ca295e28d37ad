package service

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
)

// Identity is who the program runs as.
type Identity struct {
	User   string // as it was asked for; empty: it was asked for by number
	UID    int
	GID    int
	Groups []int // further ones
}

func (i Identity) String() string {
	if i.User == "" {
		return fmt.Sprintf("uid %d and gid %d", i.UID, i.GID)
	}
	return fmt.Sprintf("user %s, uid %d and gid %d", i.User, i.UID, i.GID)
}

// IdentityOptions say whom an administrator's process shall become.
type IdentityOptions struct {
	// User is the name of a user; empty: mosquitto, or nobody where that does
	// not exist; root: it stays what it is.
	User string
	// UID and GID are numbers, as text, which come before the user's own; empty:
	// those of the user.
	UID, GID string
	// StateDir is a directory that the user shall be able to write to; it is made,
	// and given to the user while it is empty. Empty: there is none.
	StateDir string
}

// find looks up whom to become.
func (o IdentityOptions) find() (i Identity, err error) {
	if o.UID == "" || o.GID == "" {
		if i, err = lookUp(o.User); err != nil {
			return i, err
		}
	}
	for _, n := range []struct {
		word, text string
		into       *int
	}{{"PUID", o.UID, &i.UID}, {"PGID", o.GID, &i.GID}} {
		if n.text == "" {
			continue
		}
		id, err := strconv.ParseInt(n.text, 10, 32)
		if err != nil || id < 0 {
			return i, fmt.Errorf("%s is %q, which is not the number of a user or group", n.word, n.text)
		}
		*n.into, i.User, i.Groups = int(id), "", nil
	}
	return i, nil
}

// lookUp finds a user, or the one of those that stand in for a name.
func lookUp(name string) (Identity, error) {
	names := []string{name}
	if name == "" {
		names = []string{"mosquitto", "nobody"}
	}
	var err error
	for _, n := range names {
		u, failed := user.Lookup(n)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		i, failed := identityOf(u)
		if failed != nil {
			return i, fmt.Errorf("user '%s': %w", n, failed)
		}
		return i, nil
	}
	return Identity{}, fmt.Errorf("invalid user '%s': %w; name one that this system has in 'user', or root to stay the administrator", names[0], err)
}

func identityOf(u *user.User) (i Identity, err error) {
	i.User = u.Username
	if i.UID, err = strconv.Atoi(u.Uid); err != nil {
		return i, err
	}
	if i.GID, err = strconv.Atoi(u.Gid); err != nil {
		return i, err
	}
	groups, err := u.GroupIds()
	if err != nil {
		return i, err
	}
	for _, g := range groups {
		if id, err := strconv.Atoi(g); err == nil {
			i.Groups = append(i.Groups, id)
		}
	}
	return i, nil
}
