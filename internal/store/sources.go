package store

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// sources are the files of a store whose Pebble cannot be opened, or not
// trusted: tables and logs, read one by one. Every change in them has a sequence
// number; of a key the highest counts.
type sources struct {
	fs       vfs.FS
	dir      string
	tables   []*table
	logs     []change // of all logs, sorted as less sorts
	removals []removal
	damages  []Damage
}

// A change is one version of a key.
type change struct {
	key, value []byte
	seq        uint64
	file       int // decides between equal numbers: compaction forgets them
	gone       bool
}

// less sorts by key, and the newest first.
func (c *change) less(d *change) bool {
	if order := bytes.Compare(c.key, d.key); order != 0 {
		return order < 0
	}
	if c.seq != d.seq {
		return c.seq > d.seq
	}
	return c.file > d.file
}

// A removal is a range that was removed.
type removal struct {
	from, to []byte
	seq      uint64
}

// sources opens all files in a directory. When Pebble can be opened it tells which tables
// count, and has put its logs into tables; otherwise all files count.
func (s *Store) sources(dir string) (*sources, error) {
	from := &sources{fs: s.base, dir: dir}
	logs, err := scanLogs(s.base, dir)
	if errors.Is(err, errNotExist) {
		return from, nil
	}
	if err != nil {
		return nil, err
	}
	damaged := from.damagedLogs(logs)
	fs, access := s.fs, readWrite
	if damaged { // Pebble would believe it, and remove it
		fs, access = withoutLogs{s.fs}, readOnly
	}
	live, err := s.liveTables(dir, fs, access)
	if err != nil {
		from.damages = append(from.damages, Damage{File: "MANIFEST or log", Err: firstLine(err)})
	}
	names, err := s.base.List(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for i, name := range names {
		if filepath.Ext(name) != ".sst" || live != nil && !live[name] {
			continue
		}
		t := &table{name: name, number: i}
		if err := t.open(from); err != nil {
			from.damages = append(from.damages, Damage{File: name, Err: firstLine(err)})
			_ = t.close()
			continue
		}
		from.tables = append(from.tables, t)
	}
	for name := range live {
		if !slices.Contains(names, name) {
			from.damages = append(from.damages, Damage{File: name, Err: "the file is missing"})
		}
	}
	if live == nil || damaged {
		from.readLogs(logs)
	}
	return from, nil
}

// damagedLogs notes which logs are damaged, and reports whether any is.
func (f *sources) damagedLogs(logs map[string]*logScan) (any bool) {
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		if l := logs[name]; l.damaged() {
			any = true
			f.damages = append(f.damages, Damage{File: name, Err: fmt.Sprintf("at byte %d: %v", l.invalid, errDamagedLog)})
		}
	}
	return any
}

// withoutLogs is a file system whose logs nobody finds.
type withoutLogs struct{ vfs.FS }

// List returns the names in a directory.
func (w withoutLogs) List(dir string) ([]string, error) {
	names, err := w.FS.List(dir)
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".log") }), err
}

// liveTables asks Pebble which tables count, after it has put the logs that it
// finds into tables, unless it may only read. That needs no table to be whole.
func (s *Store) liveTables(dir string, fs vfs.FS, access access) (map[string]bool, error) {
	e := &engine{dead: make(chan struct{})}
	e.fence = &fence{FS: fs, meter: &s.meter, failed: e.fail}
	o := s.pebbleOptions(e, access)
	o.DisableAutomaticCompactions = true
	o.DisableConsistencyCheck = true
	o.DisableTableStats = true
	o.EventListener.DataCorruption = func(pebble.DataCorruptionInfo) {}
	if err := e.open(dir, o); err != nil {
		e.fence.close()
		return nil, err
	}
	live := map[string]bool{}
	err := e.do(func() error {
		levels, err := e.db.SSTables()
		for _, level := range levels {
			for i := range level {
				live[fmt.Sprintf("%s.sst", level[i].BackingSSTNum)] = true
			}
		}
		return err
	})
	if err = errors.Join(err, e.close()); err != nil {
		return nil, err
	}
	return live, nil
}

func (f *sources) close() {
	for _, t := range f.tables {
		_ = t.close()
	}
}

// readLogs takes the changes of the logs; they are a few megabytes.
func (f *sources) readLogs(logs map[string]*logScan) {
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		for _, record := range logs[name].kept() {
			if err := f.readBatch(record); err != nil {
				f.damages = append(f.damages, Damage{File: name, Err: firstLine(err)})
			}
		}
	}
	slices.SortStableFunc(f.logs, func(a, b change) int {
		if a.less(&b) {
			return -1
		}
		return 1
	})
}

func (f *sources) readBatch(repr []byte) error {
	header, ok := batchrepr.ReadHeader(repr)
	if !ok {
		return errors.New("a batch without a header")
	}
	reader := batchrepr.Read(repr)
	for seq := uint64(header.SeqNum); ; seq++ {
		kind, key, value, ok, err := reader.Next()
		if err != nil || !ok {
			return err
		}
		switch kind {
		case pebble.InternalKeyKindSet, pebble.InternalKeyKindDelete:
			f.logs = append(f.logs, change{key: key, value: value, seq: seq, gone: kind == pebble.InternalKeyKindDelete})
		case pebble.InternalKeyKindRangeDelete:
			f.removals = append(f.removals, removal{key, value, seq})
		default:
			return fmt.Errorf("a change of kind %s", kind)
		}
	}
}

// merge yields the facts in the order of their keys, until yield returns false.
// What it cannot read it adds to damages.
func (f *sources) merge(yield func(key, value []byte) bool) {
	slices.SortFunc(f.removals, func(a, b removal) int { return bytes.Compare(a.from, b.from) })
	var h changes
	for _, t := range f.tables {
		h.push(func() (change, bool) { return t.next(f) })
	}
	logs := f.logs
	h.push(func() (c change, ok bool) {
		if len(logs) > 0 {
			c, logs, ok = logs[0], logs[1:], true
		}
		return c, ok
	})
	var last []byte
	for len(h) > 0 {
		c := h[0].change
		if !bytes.Equal(c.key, last) {
			last = append(last[:0], c.key...)
			if !c.gone && !f.removed(&c) && !yield(c.key, c.value) {
				return
			}
		}
		h.advance()
	}
}

// removed reports whether a later range removal covers a change.
func (f *sources) removed(c *change) bool {
	for i := range f.removals {
		r := &f.removals[i]
		if bytes.Compare(r.from, c.key) > 0 {
			return false
		}
		if r.seq > c.seq && bytes.Compare(c.key, r.to) < 0 {
			return true
		}
	}
	return false
}

// changes is a heap of the next change of each source.
type changes []*head

type head struct {
	change
	next func() (change, bool)
}

func (h *changes) push(next func() (change, bool)) {
	if c, ok := next(); ok {
		heap.Push(h, &head{c, next})
	}
}

func (h *changes) advance() {
	top := (*h)[0]
	if c, ok := top.next(); ok {
		top.change = c
		heap.Fix(h, 0)
		return
	}
	heap.Pop(h)
}

// Len and the others are for package heap.
func (h *changes) Len() int           { return len(*h) }
func (h *changes) Less(i, j int) bool { return (*h)[i].less(&(*h)[j].change) }
func (h *changes) Swap(i, j int)      { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push is for package heap.
func (h *changes) Push(x any) { *h = append(*h, x.(*head)) }

// Pop is for package heap.
func (h *changes) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// A table is one sorted file. Where a block of it is damaged it is read from
// the other end, so that only what lies between is lost.
type table struct {
	name   string
	number int
	reader *sstable.Reader
	points sstable.Iterator
	begun  bool
	last   []byte   // the last key that was read
	rest   []change // read backwards, behind a damage
	broken bool
}

func (t *table) open(from *sources) error {
	file, err := from.fs.Open(filepath.Join(from.dir, t.name))
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	options := &pebble.Options{}
	options.EnsureDefaults()
	if t.reader, err = sstable.NewReader(context.Background(), readable, options.MakeReaderOptions()); err != nil {
		return err
	}
	if err := t.readRemovals(from); err != nil {
		from.damages = append(from.damages, Damage{File: t.name, Err: "range removals: " + err.Error()})
	}
	t.points, err = t.reader.NewPointIter(context.Background(), sstable.IterOptions{})
	return err
}

func (t *table) close() (err error) {
	if t.points != nil {
		err = t.points.Close()
	}
	if t.reader != nil {
		err = errors.Join(err, t.reader.Close())
	}
	return err
}

func (t *table) readRemovals(from *sources) error {
	spans, err := t.reader.NewRawRangeDelIter(context.Background(), sstable.NoFragmentTransforms, sstable.NoReadEnv)
	if err != nil || spans == nil {
		return err
	}
	defer spans.Close()
	span, err := spans.First()
	for ; span != nil && err == nil; span, err = spans.Next() {
		for _, key := range span.Keys {
			from.removals = append(from.removals, removal{bytes.Clone(span.Start), bytes.Clone(span.End), uint64(key.SeqNum())})
		}
	}
	return err
}

// next returns the next change of the table.
func (t *table) next(from *sources) (change, bool) {
	if t.broken {
		if len(t.rest) == 0 {
			return change{}, false
		}
		c := t.rest[len(t.rest)-1]
		t.rest = t.rest[:len(t.rest)-1]
		return c, true
	}
	c, ok, err := t.read(!t.begun, true)
	t.begun = true
	if err == nil {
		if ok {
			t.last = append(t.last[:0], c.key...)
		}
		return c, ok
	}
	t.broken = true
	d := Damage{File: t.name, Err: firstLine(err), From: bytes.Clone(t.last)}
	for begin := true; ; begin = false {
		c, ok, err := t.read(begin, false)
		if err != nil || !ok || bytes.Compare(c.key, t.last) <= 0 {
			break
		}
		t.rest = append(t.rest, c)
		d.To = c.key
	}
	from.damages = append(from.damages, d)
	return t.next(from)
}

// read moves to the first or last change, or one further, and copies it.
func (t *table) read(begin, forward bool) (change, bool, error) {
	kv := t.points.Next
	switch {
	case begin && forward:
		kv = t.points.First
	case begin:
		kv = t.points.Last
	case !forward:
		kv = t.points.Prev
	}
	at := kv()
	if at == nil {
		return change{}, false, t.points.Error()
	}
	value, _, err := at.Value(nil)
	if err != nil {
		return change{}, false, err
	}
	c := change{
		key: bytes.Clone(at.K.UserKey), value: append([]byte{}, value...), seq: uint64(at.SeqNum()), file: t.number,
	}
	switch at.Kind() {
	case pebble.InternalKeyKindSet, pebble.InternalKeyKindSetWithDelete:
	default: // all other kinds that we write are removals
		c.gone = true
	}
	return c, true, nil
}

// firstLine is what an error says, without who says it.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return origin.ReplaceAllString(line, "")
}

// origin is what Pebble begins its errors with, and the number of a file that it
// was not told.
var origin = regexp.MustCompile(`^pebble(?:/table)?: |\bfile 000000: | 000000:`)
