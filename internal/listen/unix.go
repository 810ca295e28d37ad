package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxPath is how many bytes the path of a unix socket may have.
const maxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// openUnix opens the unix socket of o.
func (o *Options) openUnix(ctx context.Context) (net.Listener, error) {
	l, err := o.bindUnix(ctx)
	if err != nil {
		return nil, &Error{Path: o.Path, Err: err}
	}
	return l, nil
}

func (o *Options) bindUnix(ctx context.Context) (net.Listener, error) {
	if len(o.Path) > maxPath {
		return nil, errLongPath
	}
	uid, gid, err := owner(o.Owner)
	if err != nil {
		return nil, err
	}
	path := o.Path
	if strings.HasPrefix(path, "@") { // which Go takes for a name without a file
		path = "./" + path
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{}
	if o.Mode != 0 || o.Owner != "" {
		config.Control = makePrivate // nobody is let in before mode and owner are what they shall be
	}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	socket := &unixSocket{UnixListener: l.(*net.UnixListener), path: path}
	socket.SetUnlinkOnClose(false)
	if err := socket.give(uid, gid, o.Mode, o.Owner != ""); err != nil {
		_ = socket.Close() // there is an error to tell already
		return nil, err
	}
	deepen(socket.UnixListener)
	return socket, nil
}

// unixSocket is a listener that removes its file, unless another has come to be
// there.
type unixSocket struct {
	*net.UnixListener
	path string
	file fs.FileInfo
	once sync.Once
}

// give sets mode and owner of the file, and remembers it.
func (s *unixSocket) give(uid, gid int, mode fs.FileMode, owned bool) (err error) {
	if s.file, err = os.Lstat(s.path); err != nil {
		return err
	}
	if owned {
		if err := os.Lchown(s.path, uid, gid); err != nil {
			return err
		}
	}
	if mode == 0 && owned {
		mode = 0o777 &^ umask()
	}
	if mode == 0 {
		return nil
	}
	return os.Chmod(s.path, mode)
}

// Close closes the socket and removes its file.
func (s *unixSocket) Close() error {
	s.once.Do(func() {
		if now, err := os.Lstat(s.path); err == nil && os.SameFile(s.file, now) {
			_ = os.Remove(s.path) // the next who listens there removes it otherwise
		}
	})
	return s.UnixListener.Close()
}

// answerLimit is how long a program that listens on a socket may take to show
// that it is there. The kernel answers for it at once.
const answerLimit = time.Second

// removeStale removes a socket on which nobody answers. A file that is no
// socket, or one on which somebody does, is an error.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errNoSocket
	}
	bounded, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(bounded, "unix", path)
	switch {
	case err == nil:
		_ = c.Close() // that it is there is all there was to know
		return syscall.EADDRINUSE
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, fs.ErrNotExist): // gone meanwhile
		return nil
	default: // it is in use as far as can be told
		return fmt.Errorf("%w: %w", syscall.EADDRINUSE, err)
	}
}

// owner looks "user:group" up. -1 leaves a part as it is.
func owner(text string) (uid, gid int, err error) {
	uid, gid = -1, -1
	name, group, grouped := strings.Cut(text, ":")
	if name != "" {
		if uid, gid, err = lookupUser(name); err != nil {
			return -1, -1, fmt.Errorf("%w: user %q", errOwner, name)
		}
	}
	if !grouped {
		return uid, gid, nil
	}
	if n, err := strconv.Atoi(group); err == nil {
		return uid, n, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return -1, -1, fmt.Errorf("%w: group %q", errOwner, group)
	}
	gid, err = strconv.Atoi(g.Gid)
	return uid, gid, err
}

// lookupUser is the user of a name or number, and the group of that user, -1
// for a number that has no name.
func lookupUser(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		n, notNumber := strconv.Atoi(name)
		if notNumber != nil {
			return -1, -1, err
		}
		return n, -1, nil
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return -1, -1, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

// clean is a path by which two can be compared.
func clean(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return filepath.Clean(path)
}
