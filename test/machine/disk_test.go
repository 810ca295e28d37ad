package machine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// disk is a medium with a cache that forgets: what the machine writes is on the
// medium for certain when it has asked for a flush. The emulator runs on a copy
// and writes down, in the form of Linux's dm-log-writes, each write and each
// flush in their order. After a cut of power the medium gets the writes before
// the last flush, and of those after it a random half: sectors that had reached
// the medium, out of order, and others that had not.
type disk struct {
	medium string // what is on the medium
	copied string // what the emulator sees
	log    string
}

// newDisk makes a disk with the contents of a file.
func newDisk(t *testing.T, dir, image string) *disk {
	t.Helper()
	d := &disk{medium: filepath.Join(dir, "medium.img"), copied: filepath.Join(dir, "seen.img"), log: filepath.Join(dir, "writes.log")}
	sparseCopy(t, image, d.medium)
	return d
}

func sparseCopy(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cp", "--sparse=always", "--reflink=auto", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v\n%s", from, err, out)
	}
}

// start prepares the copy and an empty log.
func (d *disk) start(t *testing.T) {
	t.Helper()
	sparseCopy(t, d.medium, d.copied)
	if err := os.WriteFile(d.log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// losses says what a cut did.
type losses struct{ flushes, certain, lost, kept int }

func (l losses) String() string {
	return fmt.Sprintf("%d flushes, %d writes before the last one, of those after it %d lost and %d not", l.flushes, l.certain, l.lost, l.kept)
}

// cut brings the medium to where it was when the power failed.
func (d *disk) cut(t *testing.T, random *rand.Rand) losses {
	t.Helper()
	log, err := os.Open(d.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	medium, err := os.OpenFile(d.medium, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer medium.Close()
	l, err := replay(log, medium, func() bool { return random.IntN(2) == 0 })
	if errors.Is(err, errHole) { // then nobody knows what was flushed, and all that was written stays
		t.Logf("%v: this cut takes only what the machine had not written", err)
		sparseCopy(t, d.copied, d.medium)
		return losses{}
	}
	if err != nil {
		t.Fatalf("replay %s: %v", d.log, err)
	}
	return l
}

// The log: a superblock, then entries, each with what was written behind it.
const (
	logMagic     = 0x6a736677736872
	flagFlush    = 1
	flagFUA      = 2
	flagDiscard  = 4
	sectorBytes  = 512
	headBytes    = 32
	writeAtMost  = 64 << 20
	superFields  = 28
	versionKnown = 1
)

// entry is a write or a flush, and where in the log its data begins.
type entry struct {
	sector, sectors, flags uint64
	data                   int64
}

// replay writes what log has on the medium: all before the last flush, and of
// the rest what keep says.
func replay(log io.ReaderAt, medium io.WriterAt, keep func() bool) (losses, error) {
	entries, err := readLog(log)
	if err != nil {
		return losses{}, err
	}
	last := -1
	var l losses
	for i, e := range entries {
		if e.flags&flagFlush != 0 {
			last = i
			l.flushes++
		}
	}
	for i, e := range entries {
		if e.sectors == 0 || e.flags&flagDiscard != 0 { // what is discarded may as well stay
			continue
		}
		switch {
		case i < last || e.flags&flagFUA != 0:
			l.certain++
		case keep():
			l.kept++
		default:
			l.lost++
			continue
		}
		data := io.NewSectionReader(log, e.data, int64(e.sectors*sectorBytes))
		if _, err := io.Copy(io.NewOffsetWriter(medium, int64(e.sector*sectorBytes)), data); err != nil {
			return l, err
		}
	}
	return l, nil
}

// errHole is a log that the emulator has not written in order: it was stopped
// while a write was under way that has its place before a flush.
var errHole = errors.New("the log has a hole")

// readLog reads up to where the log ends, which may be behind the count in the
// superblock: the count is written with each flush only.
func readLog(log io.ReaderAt) ([]entry, error) {
	head := make([]byte, headBytes)
	if _, err := log.ReadAt(head, 0); err != nil {
		return nil, err
	}
	if magic, version := binary.LittleEndian.Uint64(head), binary.LittleEndian.Uint64(head[8:]); magic != logMagic || version != versionKnown {
		return nil, fmt.Errorf("it begins with %x and version %d: not the log of a disk", magic, version)
	}
	if size := binary.LittleEndian.Uint32(head[24:superFields]); size != sectorBytes {
		return nil, fmt.Errorf("sectors of %d bytes", size)
	}
	count := binary.LittleEndian.Uint64(head[16:])
	var entries []entry
	for at := int64(sectorBytes); ; {
		n, err := log.ReadAt(head, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n < headBytes || bytes.Equal(head[:24], make([]byte, 24)) {
			if uint64(len(entries)) < count {
				return nil, fmt.Errorf("%w: it ends after %d of %d entries", errHole, len(entries), count)
			}
			return entries, nil
		}
		e := entry{
			sector: binary.LittleEndian.Uint64(head), sectors: binary.LittleEndian.Uint64(head[8:]),
			flags: binary.LittleEndian.Uint64(head[16:]), data: at + sectorBytes,
		}
		if e.sectors > writeAtMost/sectorBytes && e.flags&flagDiscard == 0 {
			return nil, fmt.Errorf("entry %d has %d sectors", len(entries), e.sectors)
		}
		entries = append(entries, e)
		at += sectorBytes
		if e.flags&flagDiscard == 0 {
			at += int64(e.sectors * sectorBytes)
		}
	}
}

// TestCut shows which writes a cut of power takes.
func TestCut(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	sector := func(b []byte) { log.Write(append(b, make([]byte, sectorBytes-len(b))...)) }
	numbers := func(n ...uint64) (b []byte) {
		for _, v := range n {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return b
	}
	write := func(at, flags uint64, text string) {
		sector(numbers(at, 1, flags, 0))
		sector([]byte(text))
	}
	flush := func() { sector(numbers(0, 0, flagFlush, 0)) }
	sector(binary.LittleEndian.AppendUint32(numbers(logMagic, versionKnown, 4), sectorBytes))
	write(0, 0, "one")
	flush()
	write(1, 0, "two")
	flush()
	write(2, 0, "three")
	write(3, flagFUA, "four")
	write(4, 0, "five")
	write(0, 0, "six")
	for name, c := range map[string]struct {
		keep func() bool
		want string
	}{
		"nothing is kept": {func() bool { return false }, "one two - four -"},
		"all is kept":     {func() bool { return true }, "six two three four five"},
		"every second":    {func() func() bool { n := 0; return func() bool { n++; return n%2 == 0 } }(), "one two - four five"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "medium")
			medium, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer medium.Close()
			if _, err := replay(bytes.NewReader(log.Bytes()), medium, c.keep); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for i := range 5 {
				text := []byte("-")
				if i*sectorBytes < len(b) {
					if s := bytes.TrimRight(b[i*sectorBytes:min(len(b), (i+1)*sectorBytes)], "\x00"); len(s) > 0 {
						text = s
					}
				}
				got = append(append(got, text...), ' ')
			}
			if string(bytes.TrimSpace(got)) != c.want {
				t.Errorf("the medium has %q, want %q", got, c.want)
			}
		})
	}
	if _, err := readLog(bytes.NewReader(log.Bytes()[:3*sectorBytes])); !errors.Is(err, errHole) {
		t.Errorf("a log without its end: %v", err)
	}
}
