package mosqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
)

var magic = []byte("SQLite format 3\x00")

const (
	fileHeader  = 100 // bytes before the first page's own header
	frameHeader = 24  // before each page in the log
	logHeader   = 32
)

// pages are the pages of a database, those in its log before those in its file.
type pages struct {
	file   []byte
	log    []byte
	logged map[uint32]int // where in the log a page begins
	size   int            // of a page
	usable int            // of that, what SQLite uses
	count  uint32
}

// openPages reads the headers of a database and of its log, which may be empty.
func openPages(file, log []byte) (*pages, error) {
	if !bytes.HasPrefix(file, magic) || len(file) < fileHeader {
		return nil, errors.New("this is no database of SQLite 3")
	}
	p := &pages{file: file, log: log, logged: make(map[uint32]int), size: int(binary.BigEndian.Uint16(file[16:]))}
	if p.size == 1 {
		p.size = 1 << 16
	}
	if p.size < 512 || p.size&(p.size-1) != 0 {
		return nil, fmt.Errorf("its pages cannot have %d bytes", p.size)
	}
	p.count = uint32(len(file) / p.size)
	p.readLog()
	header, err := p.page(1)
	if err != nil {
		return nil, err
	}
	if p.usable = p.size - int(header[20]); p.usable < 480 {
		return nil, fmt.Errorf("of its pages of %d bytes %d are in use", p.size, p.usable)
	}
	if encoding := binary.BigEndian.Uint32(header[56:]); encoding > 1 {
		return nil, errors.New("its texts are not in UTF-8")
	}
	return p, nil
}

// readLog notes where the log has pages: those of transactions that were ended
// before the first frame that is not whole.
func (p *pages) readLog() {
	if len(p.log) < logHeader {
		return
	}
	var order binary.ByteOrder = binary.LittleEndian // of the numbers that are summed up
	switch binary.BigEndian.Uint32(p.log) {
	case 0x377f0682:
	case 0x377f0683:
		order = binary.BigEndian
	default:
		return
	}
	var sum checksum
	sum.add(order, p.log[:24])
	if int(binary.BigEndian.Uint32(p.log[8:])) != p.size || !sum.is(p.log[24:]) {
		return
	}
	salt := p.log[16:24]
	pending := make(map[uint32]int)
	for at := logHeader; len(p.log)-at >= frameHeader+p.size; at += frameHeader + p.size {
		frame := p.log[at : at+frameHeader]
		sum.add(order, frame[:8])
		sum.add(order, p.log[at+frameHeader:at+frameHeader+p.size])
		if !bytes.Equal(frame[8:16], salt) || !sum.is(frame[16:]) {
			return
		}
		pending[binary.BigEndian.Uint32(frame)] = at + frameHeader
		if count := binary.BigEndian.Uint32(frame[4:]); count > 0 { // the transaction ends
			maps.Copy(p.logged, pending)
			clear(pending)
			p.count = count
		}
	}
}

// checksum is that of a log: two sums over pairs of numbers.
type checksum struct{ a, b uint32 }

func (s *checksum) add(order binary.ByteOrder, b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		s.a += order.Uint32(b) + s.b
		s.b += order.Uint32(b[4:]) + s.a
	}
}

func (s *checksum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == s.a && binary.BigEndian.Uint32(b[4:]) == s.b
}

// page returns a page, which are counted from 1.
func (p *pages) page(n uint32) ([]byte, error) {
	if begin, ok := p.logged[n]; ok {
		return p.log[begin : begin+p.size], nil
	}
	if n == 0 || n > p.count || uint64(n)*uint64(p.size) > uint64(len(p.file)) {
		return nil, fmt.Errorf("there is no page %d", n)
	}
	begin := int(n-1) * p.size
	return p.file[begin : begin+p.size], nil
}
