package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/auth"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// userFiles are the users of each listener, and of each password file by its
// name.
type userFiles struct {
	on     map[*config.Listener]*auth.Users // none: the listener has no password file
	hashes map[string]map[string]*password.Hash
}

// readUsers reads the password files that c names. An error is a
// *config.Problem: a file that cannot be read, or has a line that makes no sense.
func readUsers(c *config.Config) (*userFiles, error) {
	f := &userFiles{on: make(map[*config.Listener]*auth.Users), hashes: make(map[string]map[string]*password.Hash)}
	for _, l := range c.Listeners {
		files := c.PasswordFilesOn(l)
		if len(files) == 0 {
			continue
		}
		all := make(map[string]*password.Hash)
		for _, file := range slices.Backward(files) { // the first that has a user decides
			hashes, err := f.read(&file)
			if err != nil {
				return nil, err
			}
			maps.Copy(all, hashes)
		}
		f.on[l] = auth.NewUsers(all)
	}
	return f, nil
}

// read reads one file, once.
func (f *userFiles) read(file *config.SecurityFile) (map[string]*password.Hash, error) {
	if hashes, known := f.hashes[file.Path]; known {
		return hashes, nil
	}
	text, err := read(file.Path)
	if err != nil {
		return nil, file.Problem(fmt.Sprintf("Unable to open the password file '%s'.", file.Path), err.Error())
	}
	parsed, err := password.ParseFile(text)
	var hashes map[string]*password.Hash
	if err == nil {
		hashes, err = parsed.Users()
	}
	if err != nil {
		return nil, badLine(file.Path, err)
	}
	f.hashes[file.Path] = hashes
	return hashes, nil
}

// badLine is the problem of a line of a password file.
func badLine(path string, err error) error {
	var line *password.LineError
	if !errors.As(err, &line) {
		return err
	}
	p := &config.Problem{Class: config.Wrong, File: path, Line: line.Line, Word: "password_file"}
	if line.Err == nil {
		p.Text = "A line of a password file is a comment, or like user:hash."
		p.Remedy = "Remove it, or give the user a password with 'zancudo passwd'."
		return p
	}
	p.Text = fmt.Sprintf("User %s: %v.", line.User, line.Err)
	p.Remedy = "Give the user a new password with 'zancudo passwd'; 'zancudo passwd -U' replaces passwords that are not hashed."
	return p
}

// exposedUsers are sentences on password files that others can read.
func exposedUsers(c *config.Config) (all []string) {
	if runtime.GOOS == "windows" {
		return nil // modes say nothing there
	}
	told := map[string]bool{}
	for _, l := range c.Listeners {
		for _, file := range c.PasswordFilesOn(l) {
			const others = 0o004
			info, err := os.Stat(file.Path)
			if err != nil || info.Mode().Perm()&others == 0 || told[file.Path] {
				continue
			}
			told[file.Path] = true
			all = append(all, fmt.Sprintf("File %s has world readable permissions (mode %04o), and so everybody on this machine can guess the passwords in it. Run 'chmod o-rwx %s'.",
				file.Path, info.Mode().Perm(), file.Path))
		}
	}
	return all
}

// changes are sentences on how the users differ from those before.
func (f *userFiles) changes(before *userFiles) (all []string) {
	names := make([]string, 0, len(f.hashes))
	for name := range f.hashes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		old, was := before.hashes[name]
		if !was {
			continue
		}
		added, changed := 0, 0
		for user, h := range f.hashes[name] {
			switch earlier, stays := old[user]; {
			case !stays:
				added++
			case earlier.String() != h.String():
				changed++
			}
		}
		removed := len(old) + added - len(f.hashes[name])
		if added+removed+changed > 0 {
			all = append(all, fmt.Sprintf("~users of %s: %d added, %d removed, %d with another password", name, added, removed, changed))
		}
	}
	return all
}

// nobody is an Authenticator that lets nobody in: without allow_anonymous only
// users may come, and there are none.
type nobody struct{}

var _ broker.Reviewer = nobody{}

func (nobody) Authenticate(_ context.Context, c *broker.ConnectRequest) error {
	if !c.HasUsername {
		return fmt.Errorf("anonymous clients are not allowed here: %w", packet.NotAuthorized)
	}
	return fmt.Errorf("there are no users: %w", packet.NotAuthorized)
}

func (nobody) Review(string, any) error {
	return fmt.Errorf("nobody may connect here any more: %w", packet.NotAuthorized)
}
