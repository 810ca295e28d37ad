package mosqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The kinds of pages of a table.
const (
	interior = 0x05
	leaf     = 0x0d
)

// damage is what keeps a table from being read on.
type damage struct {
	page uint32
	err  error
}

func (d *damage) Error() string { return d.err.Error() }

func (d *damage) Unwrap() error { return d.err }

// walk is a way through a table.
type walk struct {
	*pages
	met   map[uint32]bool // pages that were read; none belongs to two places
	yield func(row []byte) error
	depth int
}

// maxDepth is more than a table of 2 GiB needs.
const maxDepth = 40

// rows gives yield each row of the table that begins at a page, in the order of
// their numbers.
func (p *pages) rows(root uint32, yield func(row []byte) error) error {
	w := &walk{pages: p, met: make(map[uint32]bool), yield: yield}
	return w.visit(root)
}

// enter reads a page that was not met before.
func (w *walk) enter(n uint32) ([]byte, error) {
	if w.met[n] {
		return nil, &damage{n, fmt.Errorf("page %d is in two places", n)}
	}
	w.met[n] = true
	page, err := w.page(n)
	if err != nil {
		return nil, &damage{n, err}
	}
	return page, nil
}

func (w *walk) visit(n uint32) error {
	page, err := w.enter(n)
	if err != nil {
		return err
	}
	fail := func(err error) error { return &damage{n, err} }
	if w.depth++; w.depth > maxDepth {
		return fail(errors.New("a table is too deep"))
	}
	defer func() { w.depth-- }()
	header := page
	if n == 1 {
		header = page[fileHeader:]
	}
	kind, cells, pointers := header[0], int(binary.BigEndian.Uint16(header[3:])), header[8:]
	switch kind {
	case interior:
		pointers = header[12:]
	case leaf:
	default:
		return fail(fmt.Errorf("page %d is of the kind %d, and not of a table", n, kind))
	}
	if 2*cells > len(pointers) {
		return fail(fmt.Errorf("page %d has no room for %d cells", n, cells))
	}
	room := w.usable // for cells, which do not overlap
	for i := range cells {
		at := int(binary.BigEndian.Uint16(pointers[2*i:]))
		if at > w.usable-4 {
			return fail(fmt.Errorf("a cell of page %d is outside of it", n))
		}
		if kind == interior {
			if err := w.visit(binary.BigEndian.Uint32(page[at:])); err != nil {
				return err
			}
			continue
		}
		row, used, err := w.row(page[at:w.usable])
		if room -= used; err == nil && room < 0 {
			err = fmt.Errorf("cells of page %d overlap", n)
		}
		if err == nil {
			err = w.yield(row)
		}
		if err != nil {
			return asDamage(n, err)
		}
	}
	if kind == interior {
		return w.visit(binary.BigEndian.Uint32(header[8:]))
	}
	return nil
}

// asDamage says on which page an error was found, unless that is known.
func asDamage(n uint32, err error) error {
	var d *damage
	if errors.As(err, &d) {
		return err
	}
	return &damage{n, err}
}

var errShort = errors.New("a row is cut short")

// row reads the row of a cell, with the pages that it goes on in. used is how
// many bytes the cell has.
func (w *walk) row(cell []byte) (row []byte, used int, err error) {
	length, n := varint(cell)
	if n == 0 || length > uint64(len(w.file)+len(w.log)) {
		return nil, 0, errShort
	}
	_, number := varint(cell[n:])
	used = n + number
	cell = cell[used:]
	local := w.local(int(length))
	if number == 0 || local > len(cell) || local < int(length) && local+4 > len(cell) {
		return nil, 0, errShort
	}
	used += local
	if local == int(length) {
		return cell[:local], used, nil
	}
	row = bytes.Clone(cell[:local])
	for next := binary.BigEndian.Uint32(cell[local:]); len(row) < int(length); {
		page, err := w.enter(next)
		if err != nil {
			return nil, 0, err
		}
		row = append(row, page[4:min(w.usable, 4+int(length)-len(row))]...)
		next = binary.BigEndian.Uint32(page)
	}
	return row, used, nil
}

// local is how much of a row is in the cell itself.
func (w *walk) local(length int) int {
	most, least := w.usable-35, (w.usable-12)*32/255-23
	if length <= most {
		return length
	}
	if n := least + (length-least)%(w.usable-4); n <= most {
		return n
	}
	return least
}

// varint reads a number of SQLite and the bytes that it takes; 0: it is cut.
func varint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | uint64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			return v, n
		}
	}
	if n == 8 && len(b) > 8 {
		return v<<8 | uint64(b[8]), 9
	}
	return 0, 0
}
