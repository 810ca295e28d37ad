package mosqlite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// value is what stands in a column: nil, int64, float64, string or []byte.
type value any

// values reads the columns of a row.
func values(row []byte) (all []value, err error) {
	length, n := varint(row)
	if n == 0 || length > uint64(len(row)) {
		return nil, errShort
	}
	kinds, rest := row[n:max(int(length), n)], row[length:]
	for len(kinds) > 0 {
		kind, n := varint(kinds)
		if n == 0 {
			return nil, errShort
		}
		kinds = kinds[n:]
		width, err := widthOf(kind)
		if err != nil {
			return nil, err
		}
		if width > uint64(len(rest)) {
			return nil, errShort
		}
		all = append(all, decode(kind, rest[:width]))
		rest = rest[width:]
	}
	return all, nil
}

// widthOf is how many bytes a value of some kind takes.
func widthOf(kind uint64) (uint64, error) {
	switch {
	case kind >= 12:
		return (kind - 12) / 2, nil
	case kind >= 10:
		return 0, fmt.Errorf("a value has the kind %d", kind)
	default:
		return [...]uint64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[kind], nil
	}
}

func decode(kind uint64, b []byte) value {
	switch {
	case kind == 0:
		return nil
	case kind == 7:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	case kind == 8, kind == 9:
		return int64(kind - 8)
	case kind >= 12 && kind%2 == 0:
		return bytes.Clone(b)
	case kind >= 12:
		return string(b)
	}
	n := int64(int8(b[0])) // numbers have a sign
	for _, c := range b[1:] {
		n = n<<8 | int64(c)
	}
	return n
}

// record is a row whose columns are found by their names.
type record struct {
	columns map[string]int
	values  []value
}

func (r *record) value(column string) value {
	if i, ok := r.columns[column]; ok && i < len(r.values) {
		return r.values[i]
	}
	return nil // as a column that was added later
}

func (r *record) number(column string) int64 {
	switch v := r.value(column).(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	}
	return 0
}

// text is a text. Columns that Mosquitto has declared as STRING keep what looks
// like a number as one: a whole number is a text again.
func (r *record) text(column string) string {
	switch v := r.value(column).(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

func (r *record) bytes(column string) []byte {
	switch v := r.value(column).(type) {
	case string:
		return []byte(v)
	case []byte:
		return v
	}
	return nil
}
