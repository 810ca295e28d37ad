package password

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// A File is the text of a password file: a user and a hash on each line, with
// comments, in their order.
type File struct {
	lines []line
}

// line is a line of the file. user is empty in one that names none.
type line struct {
	text string // without its end
	user string
	hash string
}

// ParseFile reads the text of a password file. A line that is neither a user
// with a hash, nor empty, nor a comment is an error, since to edit such a file
// would be to guess. What the hashes are worth is not looked at; see Users.
func ParseFile(text []byte) (*File, error) {
	f := &File{}
	for raw := range bytes.Lines(text) {
		l := line{text: strings.TrimRight(string(raw), "\r\n")}
		if strings.TrimSpace(l.text) != "" && l.text[0] != '#' {
			user, rest, found := strings.Cut(l.text, ":")
			hash, _, _ := strings.Cut(rest, ":") // more fields mean nothing
			l.user, l.hash = strings.TrimSpace(user), strings.TrimSpace(hash)
			if !found || l.user == "" || l.hash == "" {
				return nil, &LineError{Line: len(f.lines) + 1}
			}
		}
		f.lines = append(f.lines, l)
	}
	return f, nil
}

// A LineError is a line of a password file that makes no sense.
type LineError struct {
	Line int
	User string // empty if it names none
	Err  error  // what is wrong with its hash, or nil
}

func (e *LineError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("line %d is not like user:hash", e.Line)
	}
	return fmt.Sprintf("line %d, user %s: %v", e.Line, e.User, e.Err)
}

func (e *LineError) Unwrap() error { return e.Err }

// Users returns the hash of each user. A hash that cannot be read, or a user who
// occurs twice, is an error: a broker that let it pass would lock somebody out,
// or in.
func (f *File) Users() (map[string]*Hash, error) {
	users := make(map[string]*Hash, len(f.lines))
	for i, l := range f.lines {
		if l.user == "" {
			continue
		}
		h, err := Parse(l.hash)
		if _, twice := users[l.user]; err == nil && twice {
			err = errors.New("occurs twice")
		}
		if err != nil {
			return nil, &LineError{Line: i + 1, User: l.user, Err: err}
		}
		users[l.user] = h
	}
	return users, nil
}

// Set gives a user another password, or adds the user at the end, and reports
// whether there was one. Of a user who occurs twice, one remains.
func (f *File) Set(user string, h *Hash) (updated bool) {
	fresh := line{text: user + ":" + h.String(), user: user, hash: h.String()}
	kept := f.lines[:0]
	for _, l := range f.lines {
		switch {
		case l.user != user:
			kept = append(kept, l)
		case !updated:
			kept = append(kept, fresh)
			updated = true
		}
	}
	f.lines = kept
	if !updated {
		f.lines = append(f.lines, fresh)
	}
	return updated
}

// Delete takes a user away and reports whether there was one.
func (f *File) Delete(user string) (found bool) {
	kept := f.lines[:0]
	for _, l := range f.lines {
		if l.user != user {
			kept = append(kept, l)
		}
	}
	found = len(kept) < len(f.lines)
	f.lines = kept
	return found
}

// HashPlainText replaces the passwords that stand in the file as they are by
// their hashes. Those that are hashes already stay.
func (f *File) HashPlainText(r Recipe) error {
	for i := range f.lines {
		l := &f.lines[i]
		if l.user == "" {
			continue
		}
		if _, err := Parse(l.hash); err == nil {
			continue
		}
		h, err := r.Make([]byte(l.hash))
		if err != nil {
			return err
		}
		l.text, l.hash = l.user+":"+h.String(), h.String()
	}
	return nil
}

// Append appends the text of the file.
func (f *File) Append(b []byte) []byte {
	for _, l := range f.lines {
		b = append(b, l.text...)
		b = append(b, '\n')
	}
	return b
}

// maxUser is the longest user name that MQTT can carry, in bytes.
const maxUser = 65535

// CheckUser says why a name cannot stand in a password file, in a sentence for
// the user; nil: it can.
func CheckUser(name string) error {
	switch {
	case name == "":
		return userError("must not be empty.")
	case len(name) > maxUser:
		return userError("must be less than 65536 characters long.")
	case strings.ContainsFunc(name, unicode.IsControl):
		return userError("must not contain control characters.")
	case strings.Contains(name, ":"):
		return userError("must not contain the ':' character.")
	case name[0] == '#':
		return userError("must not begin with '#', which begins a comment.")
	case strings.TrimSpace(name) != name:
		return userError("must not begin or end with a blank.")
	}
	return nil
}

// userError is a name that cannot be a user's, and ends a sentence for the user.
type userError string

func (e userError) Error() string { return "Username " + string(e) }
