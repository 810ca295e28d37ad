package appliance

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
)

// An image is a FAT16 file system without a partition table, which every system
// reads and firmware passes over.
const (
	sectorBytes  = 512
	reserved     = 4 // sectors before the tables
	tables       = 2
	rootEntries  = 512
	entryBytes   = 32
	rootSectors  = rootEntries * entryBytes / sectorBytes
	fewest       = 4200  // clusters: with fewer than 4085 it would be FAT12
	most         = 65500 // clusters: with more than 65524 it would be FAT32
	longPart     = 13    // characters of a name in an entry
	day          = 1<<5 | 1
	endOfChain   = 0xffff
	volumeLabel  = 0x08
	longName     = 0x0f
	ordinaryFile = 0x20
)

// Image is a stick with the label CIDATA and the files in its root. Their names
// have at most 26 characters of ASCII. The same files make the same image.
func Image(files []File) ([]byte, error) {
	bytes, perCluster := 0, 0
	for _, sectors := range []int{4, 8, 16, 32} {
		size, n := sectors*sectorBytes, 0
		for _, f := range files {
			n += (len(f.Data) + size - 1) / size
		}
		if n < most {
			perCluster, bytes = sectors, n
			break
		}
	}
	if perCluster == 0 {
		return nil, errors.New("the files are too large for an image: copy them to a stick")
	}
	v := &volume{perCluster: perCluster, clusters: max(fewest, min(most, bytes+bytes/8))}
	v.tableSectors = ((v.clusters+2)*2 + sectorBytes - 1) / sectorBytes
	v.data = make([]byte, (reserved+tables*v.tableSectors+rootSectors+v.clusters*perCluster)*sectorBytes)
	v.bootSector(files)
	v.table = []uint16{0xfff8, endOfChain}
	v.entry(fatName(Label, ""), volumeLabel, 0, 0)
	for i, f := range files {
		v.add(f, i)
	}
	for i := range tables {
		at := v.data[(reserved+i*v.tableSectors)*sectorBytes:]
		for n, next := range v.table {
			binary.LittleEndian.PutUint16(at[2*n:], next)
		}
	}
	return v.data, nil
}

type volume struct {
	data         []byte
	table        []uint16
	perCluster   int
	clusters     int
	tableSectors int
	entries      int
}

// bootSector describes the file system, and has the firmware go on to the next
// disk (INT 18h).
func (v *volume) bootSector(files []File) {
	h := sha256.New()
	for _, f := range files {
		h.Write(f.Data)
	}
	b, le := v.data, binary.LittleEndian
	copy(b, "\xeb\x3c\x90ZANCUDO ")
	le.PutUint16(b[11:], sectorBytes)
	b[13] = byte(v.perCluster)
	le.PutUint16(b[14:], reserved)
	b[16] = tables
	le.PutUint16(b[17:], rootEntries)
	if sectors := len(v.data) / sectorBytes; sectors < 1<<16 {
		le.PutUint16(b[19:], uint16(sectors))
	} else {
		le.PutUint32(b[32:], uint32(sectors))
	}
	b[21] = 0xf8
	le.PutUint16(b[22:], uint16(v.tableSectors))
	le.PutUint16(b[24:], 63)
	le.PutUint16(b[26:], 255)
	b[36], b[38] = 0x80, 0x29
	copy(b[39:43], h.Sum(nil))
	copy(b[43:], fatName(Label, ""))
	copy(b[54:], "FAT16   \xcd\x18\xf4\xeb\xfd")
	b[510], b[511] = 0x55, 0xaa
}

// fatName is a short name: eight characters and three.
func fatName(base, ending string) string {
	pad := func(s string, n int) string { return (strings.ToUpper(s) + strings.Repeat(" ", n))[:n] }
	return pad(base, 8) + pad(ending, 3)
}

// root returns the next entry of the root directory.
func (v *volume) root() []byte {
	at := (reserved+tables*v.tableSectors)*sectorBytes + v.entries*entryBytes
	v.entries++
	return v.data[at:][:entryBytes]
}

func (v *volume) entry(name string, kind byte, first uint16, size int) {
	e, le := v.root(), binary.LittleEndian
	copy(e, name)
	e[11] = kind
	le.PutUint16(e[16:], day)
	le.PutUint16(e[18:], day)
	le.PutUint16(e[24:], day)
	le.PutUint16(e[26:], first)
	le.PutUint32(e[28:], uint32(size))
}

// add writes a file: its clusters follow each other, and its name is a long one.
func (v *volume) add(f File, number int) {
	short := fatName("SEED~"+string(rune('1'+number)), "")
	v.longName(f.Name, short)
	first := len(v.table)
	size := v.perCluster * sectorBytes
	n := (len(f.Data) + size - 1) / size
	if n == 0 {
		first = 0
	}
	v.entry(short, ordinaryFile, uint16(first), len(f.Data))
	for i := range n {
		next := uint16(first + i + 1)
		if i == n-1 {
			next = endOfChain
		}
		v.table = append(v.table, next)
	}
	if n > 0 {
		copy(v.data[(reserved+tables*v.tableSectors+rootSectors)*sectorBytes+(first-2)*size:], f.Data)
	}
}

// longName writes the entries of a long name, the last part first, each with the
// checksum of the short name that follows.
func (v *volume) longName(name, short string) {
	sum := byte(0)
	for i := range len(short) {
		sum = sum>>1 | sum<<7
		sum += short[i]
	}
	units := append(utf16.Encode([]rune(name)), 0)
	for len(units)%longPart != 0 {
		units = append(units, 0xffff)
	}
	if len(name)%longPart == 0 {
		units = units[:len(name)] // a name that fills its entries has no end mark
	}
	parts := len(units) / longPart
	for i := parts; i > 0; i-- {
		e := v.root()
		e[0] = byte(i)
		if i == parts {
			e[0] |= 0x40
		}
		e[11], e[13] = longName, sum
		for j, at := range []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
			binary.LittleEndian.PutUint16(e[at:], units[(i-1)*longPart+j])
		}
	}
}
