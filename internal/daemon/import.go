package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/mosqdb"
	"github.com/zancudomq/zancudo/internal/store/mosqlite"
)

// ImportOptions say what to bring where.
type ImportOptions struct {
	Config *config.Config // of the broker that gets it, which must not run
	File   string         // of Mosquitto
	// Dir is the directory of the store; empty: what Config says.
	Dir string
	// Keep leaves sessions as they are that both have, Replace those of the file
	// take their place. With neither nothing is brought then.
	Keep, Replace bool
	Partial       bool // bring what comes before damage
	DryRun        bool // only say what would come of it
	Logger        *slog.Logger
}

// Imported says what an import has brought.
type Imported struct {
	broker.Adoption
	Source string         // what the file is: mosquitto.db of version 6
	Dir    string         // where it is now
	Copy   string         // a second name of the file, so that nothing overwrites it; empty: none
	Damage *mosqdb.Damage // where the reading ended; nil: at the end
	Unsaid bool           // Mosquitto has not closed the file: what came later is not in it
}

// sourceError says that a file cannot be brought.
type sourceError struct {
	file string
	err  error
}

func (e *sourceError) Error() string { return fmt.Sprintf("bring %s: %v", e.file, e.err) }

func (e *sourceError) Unwrap() error { return e.err }

// maxNamed is how many clients are named in a sentence.
const maxNamed = 5

// Import brings the sessions and messages of Mosquitto into the store of a broker
// that does not run. With an error nothing is brought.
func Import(o ImportOptions) (*Imported, error) {
	place, err := storePlace(o.Config)
	if err != nil {
		return nil, err
	}
	file, err := filepath.Abs(o.File)
	if err != nil {
		return nil, err
	}
	database, err := databaseOf(o.Config)
	if err != nil {
		return nil, err
	}
	ownPlace := file == place.Marker || file == database
	if o.Dir != "" {
		place = store.Options{Dir: o.Dir}
	}
	place.Logger = o.Logger
	i, db, err := o.read()
	if err != nil {
		return nil, err
	}
	i.Dir = place.Dir
	state, left := db.Adopted(time.Now())
	state.Replace = o.Replace
	i.Left = left
	_, err = os.Stat(place.Dir)
	switch {
	case o.DryRun:
		err = o.rehearse(i, place, state)
	case errors.Is(err, fs.ErrNotExist):
		err = o.intoNew(i, place, state)
	default:
		err = o.intoStore(i, place, state)
	}
	if err != nil {
		return nil, err
	}
	if ownPlace && !o.DryRun { // where Mosquitto would write it anew
		i.Copy = keepCopy(o.File)
	}
	return i, nil
}

// Counts says how much was brought: "2 sessions, 3 subscriptions, …".
func (i *Imported) Counts() string {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{i.Sessions, "session"},
		{i.Subscriptions, "subscription"},
		{i.Queued, "queued message"},
		{i.Received, "half-received message"},
		{i.Retained, "retained message"},
	} {
		plural := "s"
		if c.n == 1 {
			plural = ""
		}
		parts = append(parts, fmt.Sprintf("%d %s%s", c.n, c.what, plural))
	}
	return strings.Join(parts, ", ")
}

// Sentences say what was left out, a line for each reason and kind of thing.
func (i *Imported) Sentences() (lines []string) {
	type reason struct{ what, why string }
	names := make(map[reason][]string)
	var order []reason
	for _, l := range i.Left {
		r := reason{l.What, l.Err.Error()}
		if names[r] == nil {
			order = append(order, r)
		}
		names[r] = append(names[r], strconv.Quote(l.Name))
	}
	for _, r := range order {
		n := names[r]
		text := r.what
		if len(n) > 1 {
			text = fmt.Sprintf("%d × %s", len(n), r.what)
		}
		slices.Sort(n)
		lines = append(lines, fmt.Sprintf("%s %s: %s", text, someOf(slices.Compact(n)), r.why))
	}
	return lines
}

// read reads the file, whatever it is of Mosquitto's.
func (o *ImportOptions) read() (*Imported, *mosqdb.DB, error) {
	fail := func(err error) (*Imported, *mosqdb.DB, error) { return nil, nil, &sourceError{o.File, err} }
	db, what, err := readMosquitto(o.File)
	i := &Imported{}
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return fail(path.Err)
	case errors.As(err, &i.Damage) && !o.Partial:
		return fail(fmt.Errorf("it is damaged at %w; what comes before can be brought alone, with 'zancudo import --partial'", err))
	case err != nil && i.Damage == nil:
		return fail(err)
	case db.Marker != "":
		return fail(errors.New("it is not Mosquitto's: it stands for what Zancudo keeps itself"))
	}
	i.Source, i.Unsaid = fmt.Sprintf("%s of version %d", what, db.Version), !db.CleanShutdown
	return i, db, nil
}

// readMosquitto reads a file of Mosquitto or of its plugin, and says which it is.
func readMosquitto(file string) (db *mosqdb.DB, what string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	beginning := make([]byte, 16)
	if n, _ := io.ReadFull(f, beginning); mosqlite.Is(beginning[:n]) {
		db, err = mosqlite.Read(file)
		return db, "mosquitto.sqlite3", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, "", err
	}
	db, err = mosqdb.Read(f)
	return db, "mosquitto.db", err
}

// intoNew makes a store of what is brought. It is made elsewhere and moved, so
// that it is all there or not at all.
func (o *ImportOptions) intoNew(i *Imported, place store.Options, state *broker.Adopted) error {
	final := place.Dir
	place.Dir, place.Marker = final+".import", ""
	if err := os.RemoveAll(place.Dir); err != nil {
		return fmt.Errorf("remove what an import has left half done: %w", err)
	}
	if err := o.intoStore(i, place, state); err != nil {
		return errors.Join(err, os.RemoveAll(place.Dir))
	}
	if err := store.Move(place, final); err != nil {
		return err
	}
	i.Dir = final
	return nil
}

// intoStore adds what is brought to a store.
func (o *ImportOptions) intoStore(i *Imported, place store.Options, state *broker.Adopted) error {
	s, err := store.Open(place)
	if err != nil {
		return inUse(err)
	}
	err = errors.Join(o.adopt(i, s, state), s.Close())
	store.GiveToOwner(place)
	return err
}

// adopt has a broker that nobody comes to take up the state.
func (o *ImportOptions) adopt(i *Imported, s broker.Store, state *broker.Adopted) error {
	settings := brokerOptions(o.Config)
	settings.Store, settings.Logger = s, o.Logger
	b := broker.New(settings)
	defer func() { _ = b.Close() }() // it says nothing
	if err := b.Restore(); err != nil {
		return err
	}
	if both := inBoth(b, state); len(both) > 0 && !o.Keep && !o.Replace {
		return fmt.Errorf("sessions of the same clients are there already (%s); with --keep they stay and the others are brought, "+
			"with --replace those of the file take their place", someOf(both))
	}
	left := i.Left
	var err error
	i.Adoption, err = b.Adopt(state)
	i.Left = append(left, i.Left...)
	return err
}

// inBoth are the clients that have a session here and there.
func inBoth(b *broker.Broker, state *broker.Adopted) (both []string) {
	here := make(map[string]bool)
	for c := range b.Clients() {
		here[c.ID()] = true
	}
	for i := range state.Sessions {
		if id := state.Sessions[i].ClientID; here[id] {
			both = append(both, id)
		}
	}
	slices.Sort(both)
	return both
}

// someOf names the first of several.
func someOf(names []string) string {
	text := strings.Join(names[:min(maxNamed, len(names))], ", ")
	if more := len(names) - maxNamed; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// rehearse brings everything into a copy of the store that is in memory.
func (o *ImportOptions) rehearse(i *Imported, place store.Options, state *broker.Adopted) error {
	s := &rehearsal{}
	_, err := store.Read(place, func(key, value []byte) bool {
		s.facts = append(s.facts, broker.Fact{Key: bytes.Clone(key), Value: bytes.Clone(value)})
		return true
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return inUse(err)
	}
	return o.adopt(i, s, state)
}

// inUse says of a store that is open what to do.
func inUse(err error) error {
	var in *store.InUseError
	if errors.As(err, &in) && in.PID != 0 {
		return fmt.Errorf("process %d has the store in %s open: stop that broker first", in.PID, in.Dir)
	}
	return err
}

// rehearsal is a store of which nothing is left: it has what was there, and
// forgets what comes.
type rehearsal struct{ facts []broker.Fact }

// Append forgets the facts.
func (s *rehearsal) Append([]broker.Fact, broker.Durability) error { return nil }

// Range yields what was there before.
func (s *rehearsal) Range(from, to []byte, yield func(key, value []byte) bool) error {
	first, _ := slices.BinarySearchFunc(s.facts, from, func(f broker.Fact, key []byte) int { return bytes.Compare(f.Key, key) })
	for _, f := range s.facts[first:] {
		if to != nil && bytes.Compare(f.Key, to) >= 0 || !yield(f.Key, f.Value) {
			break
		}
	}
	return nil
}

// Close has nothing to close.
func (s *rehearsal) Close() error { return nil }

// isMosquittos reports whether a file is one that Mosquitto has written, and
// Zancudo has not.
func isMosquittos(file string) (bool, error) {
	b, err := beginningOf(file, 4096) // a marker is not longer
	if err != nil || b == nil {
		return false, err
	}
	db, _ := mosqdb.Parse(b)
	return mosqlite.Is(b) || mosqdb.Is(b) && (db == nil || db.Marker == ""), nil
}

// isDatabase reports whether a file is one of SQLite.
func isDatabase(file string) (bool, error) {
	b, err := beginningOf(file, 16)
	return mosqlite.Is(b), err
}

// beginningOf is the beginning of a file; nil: there is none.
func beginningOf(file string, size int) ([]byte, error) {
	if _, err := os.Lstat(file); err != nil {
		return nil, nil // whoever needs the directory says what is wrong with it
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	b := make([]byte, size)
	n, err := io.ReadFull(f, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return b[:n], err
}
