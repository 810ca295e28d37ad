package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The form of Pebble's logs: blocks of chunks, each with a checksum, a length, a
// position in its record, the number of the log, and how far the log was synced
// when the chunk was written. A chunk does not cross the end of a block.
const (
	logBlock    = 32 << 10
	chunkHeader = 19
	chunkFull   = 9 // and first, middle, last
	chunkFirst  = 10
	chunkLast   = 12
)

// logScan is what a log holds, read as far as it goes and behind what is damaged.
// Pebble takes the first bytes that make no sense for the end, unless a later block
// tells otherwise. So a flipped bit in a short log would hide all that follows.
type logScan struct {
	records [][]byte
	before  int   // of the records: those before the first damage
	invalid int64 // where the first chunk is that cannot be read; negative: nowhere
	synced  int64 // how far the log was synced at least
	partial []byte
}

// damaged reports whether a chunk cannot be read that was synced once. Of those
// that were not, a crash may leave anything.
func (l *logScan) damaged() bool { return l.invalid >= 0 && l.synced > l.invalid }

// kept are the records that count: what follows a chunk that was never synced was
// never synced either.
func (l *logScan) kept() [][]byte {
	if l.damaged() {
		return l.records
	}
	return l.records[:l.before]
}

// scanLog reads the log of a number.
func scanLog(b []byte, number uint32) *logScan {
	l := &logScan{invalid: -1}
	for from := 0; from < len(b); from += logBlock {
		l.block(b[from:min(from+logBlock, len(b))], int64(from), number)
	}
	if l.invalid < 0 {
		l.before = len(l.records)
	}
	return l
}

// block reads the chunks of a block. Where the length of one cannot be trusted the
// rest only tells how far the log was synced: what looks like a chunk there may be
// part of a message.
func (l *logScan) block(b []byte, at int64, number uint32) {
	for pos := 0; pos+chunkHeader <= len(b); {
		length := chunkLength(b[pos:], number)
		if length == 0 {
			l.damage(at + int64(pos))
			for pos++; pos+chunkHeader <= len(b); pos++ {
				if n := chunkLength(b[pos:], number); n > 0 && isWhole(b[pos:pos+n]) && syncedAt(b[pos:]) <= at+int64(pos) {
					l.synced = max(l.synced, syncedAt(b[pos:]))
				}
			}
			return
		}
		if chunk := b[pos : pos+length]; isWhole(chunk) {
			l.synced = max(l.synced, syncedAt(chunk))
			l.chunk(chunk[6], chunk[chunkHeader:])
		} else {
			l.damage(at + int64(pos))
		}
		pos += length
	}
}

// chunkLength is the length of the chunk that b begins with, as its header has it;
// 0: there is none.
func chunkLength(b []byte, number uint32) int {
	length := chunkHeader + int(binary.LittleEndian.Uint16(b[4:]))
	if position := b[6]; position < chunkFull || position > chunkLast || binary.LittleEndian.Uint32(b[7:]) != number || length > len(b) {
		return 0
	}
	return length
}

// isWhole reports whether the checksum of a chunk is right. It is Pebble's.
func isWhole(chunk []byte) bool {
	c := crc32.Checksum(chunk[6:], crc32.MakeTable(crc32.Castagnoli))
	return (c>>15|c<<17)+0xa282ead8 == binary.LittleEndian.Uint32(chunk)
}

// syncedAt is how far the log was synced when a chunk was written.
func syncedAt(chunk []byte) int64 { return int64(binary.LittleEndian.Uint64(chunk[11:])) }

func (l *logScan) damage(at int64) {
	l.partial = nil
	if l.invalid < 0 {
		l.invalid, l.before = at, len(l.records)
	}
}

// chunk adds a part of a record. One whose beginning is lost is passed over.
func (l *logScan) chunk(position byte, data []byte) {
	if position == chunkFull || position == chunkFirst {
		l.partial = make([]byte, 0, len(data))
	} else if l.partial == nil {
		return
	}
	l.partial = append(l.partial, data...)
	if position == chunkFull || position == chunkLast {
		l.records = append(l.records, l.partial)
		l.partial = nil
	}
}

// scanLogs reads all logs in a directory, by their names.
func scanLogs(fs vfs.FS, dir string) (map[string]*logScan, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*logScan)
	for _, name := range names {
		number, isLog := strings.CutSuffix(name, ".log")
		n, notNumber := strconv.ParseUint(number, 10, 64)
		if !isLog || notNumber != nil {
			continue
		}
		b, err := readFile(fs, filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("read log %s: %w", name, err)
		}
		all[name] = scanLog(b, uint32(n))
	}
	return all, nil
}

// damagedLog is the error for a log that Pebble would take for shorter than it is;
// nil: there is none.
func (s *Store) damagedLog() error {
	logs, err := scanLogs(s.base, s.facts())
	if err != nil {
		return nil // opening says why
	}
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		if l := logs[name]; l.damaged() {
			return fmt.Errorf("log %s is damaged at byte %d: %w", name, l.invalid, errDamagedLog)
		}
	}
	return nil
}

var errDamagedLog = errors.New("its checksum is wrong")
