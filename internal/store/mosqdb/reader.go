package mosqdb

import (
	"bytes"
	"encoding/binary"
	"time"
)

// reader takes numbers and strings from a chunk. Where there are too few bytes
// it gives zeros and says that it was short.
type reader struct {
	b     []byte
	order binary.ByteOrder
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) { // negative where an int has 32 bits
		r.short, r.b = true, nil
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) text(n int) string { return string(r.take(n)) }

func (r *reader) bytes(n int) []byte { return bytes.Clone(r.take(n)) }

// prefixed takes a text with its length before it.
func (r *reader) prefixed() string { return r.text(int(r.number16())) }

func (r *reader) number8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) number16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) number32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) host32() uint32 {
	if b := r.take(4); b != nil {
		return r.order.Uint32(b)
	}
	return 0
}

func (r *reader) number64() uint64 {
	if b := r.take(8); b != nil {
		return r.order.Uint64(b)
	}
	return 0
}

// time takes a time, in whichever order of bytes makes it one of our days: the
// order that was guessed from a count may be wrong.
func (r *reader) time() time.Time {
	b := r.take(8)
	if b == nil {
		return time.Time{}
	}
	return seconds(min(binary.LittleEndian.Uint64(b), binary.BigEndian.Uint64(b)))
}

// seconds is a time of the system's clock; 0 is none.
func seconds(n uint64) time.Time {
	if n == 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}

// properties takes what follows, if anything: a length and as many bytes.
func (r *reader) properties() []byte {
	if len(r.b) == 0 {
		return nil
	}
	n, width := binary.Uvarint(r.b) // as MQTT writes it, within four bytes
	if width <= 0 || width > 4 || n > uint64(len(r.b)-width) {
		r.short = true
		return nil
	}
	r.take(width)
	return r.take(int(n))
}
