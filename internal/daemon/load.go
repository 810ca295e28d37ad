package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/zancudomq/zancudo/internal/config"
)

// maxFileBytes is more than any configuration has.
const maxFileBytes = 16 << 20

// Load reads the configuration of a file, which may be none, and of the
// environment. Without a file the broker keeps its state in the state directory
// of the service or user that it runs as. An error is config.Problems; the Config is there even so, with
// its warnings.
func Load(name string, environ []string) (*config.Config, error) {
	return config.Load(config.Source{
		File: name, Read: read, List: list, Environ: environ, StateDir: StateDir(environ, os.Geteuid()),
		Join: func(dir, name string) string { return filepath.Join(dir, name) },
	})
}

// StateDir is the directory for what outlives the process: that of a service, of
// a user, or of the machine for its administrator; empty: there is none.
func StateDir(environ []string, uid int) string {
	service, _, _ := strings.Cut(variable(environ, "STATE_DIRECTORY"), ":") // systemd's
	user, home := variable(environ, "XDG_STATE_HOME"), variable(environ, "HOME")
	switch {
	case service != "":
		return service
	case filepath.IsAbs(user):
		return filepath.Join(user, "zancudo")
	case uid == 0:
		return "/var/lib/zancudo"
	case home != "":
		return filepath.Join(home, ".local", "state", "zancudo")
	default:
		return ""
	}
}

// variable is the value that the environment has last for a name.
func variable(environ []string, name string) (value string) {
	for _, one := range environ {
		if n, v, ok := strings.Cut(one, "="); ok && n == name {
			value = v
		}
	}
	return value
}

func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, reason(name, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, reason(name, err)
	case len(text) > maxFileBytes:
		return nil, sentence("The reason is: it has more than 16 MiB.")
	}
	return text, nil
}

func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, reason(dir, err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// sentence is an error for people: what the reason is and how to go on.
type sentence string

func (s sentence) Error() string { return string(s) }

// reason is the sentence for an error of the file system.
func reason(name string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return sentence("There is no such file or directory: check the name.")
	case errors.Is(err, os.ErrPermission):
		return sentence(fmt.Sprintf("This process may not read it: %s. Change its mode or owner.", permissions(name)))
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return sentence(fmt.Sprintf("The reason is: %v.", err))
}
