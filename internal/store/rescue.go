package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A Report tells what was found damaged, and what was saved.
type Report struct {
	When       time.Time
	Cause      string   // the error that started it
	Quarantine string   // the directory with the damaged files and this report; empty of a Check
	Damages    []Damage // what could not be read
	Facts      int      // how many facts there are without that
	Useless    int      // how many could be read and were put aside
}

// Damage is one file, or part of it, that could not be read.
type Damage struct {
	File     string
	Err      string
	From, To []byte // keys between which changes are lost; both nil when that is not known
}

func (d *Damage) String() string {
	where := "which keys it held is not known"
	if d.From != nil || d.To != nil {
		where = fmt.Sprintf("changes of keys after %q and before %q are lost", d.From, d.To)
	}
	return fmt.Sprintf("%s: %s: %s", d.File, d.Err, where)
}

// String is the report for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.When.UTC().Format(time.RFC3339), r.Cause)
	for i := range r.Damages {
		fmt.Fprintf(&b, "%s\n", &r.Damages[i])
	}
	if r.Useless > 0 {
		fmt.Fprintf(&b, "%d facts were of no use and are in %s.\n", r.Useless, uselessName)
	}
	fmt.Fprintf(&b, "%d facts are there. In what is lost, an older value may stand where a newer one was, and what was removed may be back.\n", r.Facts)
	return b.String()
}

// Reports returns what was found damaged since Open.
func (s *Store) Reports() []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Report(nil), s.reports...)
}

// openOrRescue opens the facts; if they are damaged, what can be read of them.
func (s *Store) openOrRescue(m mark) (*engine, error) {
	access := readWrite
	if m.fresh && !s.holdsFacts() {
		access = create
	}
	err := s.damagedLog()
	if err == nil {
		var e *engine
		if e, err = s.openEngine(access); err == nil && access == create {
			// The log that it is made with is of an old form, which does not tell how far
			// it was synced; each that is opened later does.
			if err = e.close(); err == nil {
				e, err = s.openEngine(readWrite)
			}
		}
		if err == nil {
			return e, nil
		}
	}
	switch {
	case isFull(err):
		return nil, s.explain("open the store", err)
	case !isDamage(err):
		return nil, s.explain("open the store", fmt.Errorf("%w (if its files are damaged, repair it)", err))
	}
	if err := s.rescue(err, nil); err != nil {
		return nil, err
	}
	e, err := s.openEngine(readWrite)
	if err != nil {
		return nil, s.explain("open what was saved of the store", err)
	}
	return e, nil
}

// holdsFacts reports whether a directory without a mark has facts all the same:
// the mark is lost, and maybe more.
func (s *Store) holdsFacts() bool {
	if _, err := s.base.Stat(s.facts()); err != nil {
		return false
	}
	from, err := s.sources(s.facts())
	if err != nil {
		return true // opening says why
	}
	defer from.close()
	damaged := slices.ContainsFunc(from.damages, func(d Damage) bool { return filepath.Ext(d.File) == ".sst" })
	return damaged || len(from.tables)+len(from.logs) > 0
}

// rescue puts damaged facts aside and what can be read of them in their place.
// It can end at any point and be done again: until the copy is complete the
// damaged facts stay where they are, and finishSwap does the rest.
func (s *Store) rescue(cause error, unwanted func(key []byte) bool) error {
	r := Report{When: time.Now(), Cause: cause.Error()}
	r.Quarantine = s.newQuarantine(r.When)
	if err := s.base.RemoveAll(s.path(unfinishedName)); err != nil {
		return s.explain("save facts", err)
	}
	from, err := s.sources(s.facts())
	if err != nil {
		return s.explain("save facts", err)
	}
	defer from.close()
	if len(from.tables)+len(from.logs) == 0 {
		return fmt.Errorf("open the store in %s: %w; nothing is left to read in %s. To start with an empty state, remove %s",
			s.options.Dir, cause, s.facts(), s.path(markName))
	}
	r.Facts, err = s.copyFacts(from, unwanted)
	if err != nil {
		return s.explain("save facts", err)
	}
	r.Damages = from.damages
	if unwanted != nil {
		if r.Useless, err = s.exportUnwanted(r.Quarantine, unwanted); err != nil {
			return s.explain("put facts aside", err)
		}
	}
	if r.Facts == 0 && len(r.Damages) > 0 {
		return fmt.Errorf("open the store in %s: %w; nothing of it can be read. To start with an empty state, move %s and %s away",
			s.options.Dir, cause, s.facts(), s.path(markName))
	}
	if err := s.swap(&r); err != nil {
		return s.explain("put the saved facts in place", err)
	}
	s.mu.Lock()
	s.reports = append(s.reports, r)
	s.mu.Unlock()
	s.options.Logger.Error("store was damaged and put aside", "path", r.Quarantine, "reason", r.Cause, "facts", r.Facts)
	return nil
}

// newQuarantine is a directory for what is put aside now.
func (s *Store) newQuarantine(t time.Time) string {
	return s.path(filepath.Join(quarantineName, t.UTC().Format("20060102T150405.000000000Z")))
}

// copyFacts writes the facts of the sources that are not unwanted to a new Pebble.
func (s *Store) copyFacts(from *sources, unwanted func(key []byte) bool) (n int, err error) {
	err = s.fill(func(add Pass) error {
		from.merge(func(key, value []byte) bool {
			if unwanted != nil && unwanted(key) {
				return true
			}
			n++
			return add(key, value)
		})
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// exportUnwanted writes the facts that are left out to a file in quarantine.
func (s *Store) exportUnwanted(quarantine string, unwanted func(key []byte) bool) (n int, err error) {
	if err := s.base.MkdirAll(quarantine, 0o700); err != nil {
		return 0, err
	}
	from, err := s.sources(s.facts())
	if err != nil {
		return 0, err
	}
	defer from.close()
	name := filepath.Join(quarantine, uselessName)
	f, err := s.base.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return 0, err
	}
	err = Export(f, func(yield func(key, value []byte) bool) error {
		from.merge(func(key, value []byte) bool {
			if !unwanted(key) {
				return true
			}
			n++
			return yield(key, value)
		})
		return nil
	})
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close(), makePrivate(s.base, name))
	if n == 0 && err == nil {
		err = s.base.Remove(name)
	}
	return n, err
}

// fill makes a new Pebble of the facts that from adds, beside the one that is
// there. add returns false when it is of no use to go on.
func (s *Store) fill(from func(add Pass) error) error {
	e := &engine{dead: make(chan struct{})}
	e.fence = &fence{FS: s.fs, meter: &s.meter, failed: e.fail}
	if err := e.open(s.path(unfinishedName), s.pebbleOptions(e, create)); err != nil {
		return err
	}
	err := e.do(func() error {
		var failed error
		b := e.db.NewBatch()
		write := func() {
			failed = errors.Join(failed, e.db.Apply(b, pebble.NoSync))
			b = e.db.NewBatch()
		}
		err := from(func(key, value []byte) bool {
			failed = errors.Join(failed, b.Set(key, value, nil))
			if b.Len() >= groupLimit && failed == nil {
				write()
			}
			return failed == nil
		})
		if failed == nil && err == nil {
			write()
		}
		if err = errors.Join(err, failed); err != nil {
			return err
		}
		return e.db.Flush()
	})
	return errors.Join(err, e.close())
}

// swap moves the damaged facts into quarantine and the saved ones into their
// place. The name of the saved ones says that they are complete.
func (s *Store) swap(r *Report) error {
	for _, dir := range []string{s.path(unfinishedName), s.options.Dir} {
		if err := syncDir(s.base, dir); err != nil {
			return err
		}
	}
	if err := s.base.MkdirAll(r.Quarantine, 0o700); err != nil {
		return err
	}
	if err := writeFile(s.base, filepath.Join(r.Quarantine, "report.txt"), []byte(r.String())); err != nil {
		return err
	}
	for _, dir := range []string{s.path(quarantineName), s.options.Dir} {
		if err := syncDir(s.base, dir); err != nil {
			return err
		}
	}
	if err := s.base.Rename(s.path(unfinishedName), s.path(savedName)); err != nil {
		return err
	}
	if err := syncDir(s.base, s.options.Dir); err != nil {
		return err
	}
	if err := s.base.Rename(s.facts(), filepath.Join(r.Quarantine, factsName)); err != nil {
		return err
	}
	if err := syncDir(s.base, r.Quarantine); err != nil {
		return err
	}
	if _, err := s.finishSwap(); err != nil {
		return err
	}
	s.dropHealthy(r)
	return nil
}

// finishSwap ends what a crash may have cut short: a complete copy takes its
// place, what is incomplete goes. It returns where it has put what was there;
// empty: nothing was.
func (s *Store) finishSwap() (aside string, err error) {
	for _, name := range []string{unfinishedName, resetName, backupName} {
		if err := s.base.RemoveAll(s.path(name)); err != nil && !errors.Is(err, errNotExist) {
			return "", s.explain("clean up", err)
		}
	}
	if _, err := s.base.Stat(s.path(savedName)); errors.Is(err, errNotExist) {
		return "", nil
	}
	if _, err := s.base.Stat(s.facts()); err == nil {
		aside = s.newQuarantine(time.Now())
		if err := s.base.MkdirAll(aside, 0o700); err != nil {
			return "", s.explain("put aside what was there", err)
		}
		for _, dir := range []string{s.path(quarantineName), s.options.Dir} {
			if err := syncDir(s.base, dir); err != nil {
				return "", s.explain("put aside what was there", err)
			}
		}
		err := s.base.Rename(s.facts(), filepath.Join(aside, factsName))
		if err == nil {
			err = syncDir(s.base, aside)
		}
		if err != nil {
			return "", s.explain("put aside what was there", err)
		}
	}
	if err := s.base.Rename(s.path(savedName), s.facts()); err != nil {
		return "", s.explain("put saved facts in place", err)
	}
	return aside, syncDir(s.base, s.options.Dir)
}

// dropHealthy removes from quarantine the tables that were read completely, for
// they are large and all that they hold is saved.
func (s *Store) dropHealthy(r *Report) {
	damaged := map[string]bool{}
	for _, d := range r.Damages {
		damaged[d.File] = true
	}
	dir := filepath.Join(r.Quarantine, factsName)
	names, err := s.base.List(dir)
	if err != nil {
		return
	}
	for _, name := range names {
		if filepath.Ext(name) == ".sst" && !damaged[name] {
			_ = s.base.Remove(filepath.Join(dir, name))
		}
	}
}
