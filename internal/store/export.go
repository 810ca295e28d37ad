package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

// A line of an export. The first has only Export, the format; then come facts;
// the last has the count of them and the sum of all bytes before it.
type exportLine struct {
	Export int    `json:"zancudo_export,omitempty"`
	Key    []byte `json:"key,omitempty"` // base64, as package json does
	Value  []byte `json:"value,omitempty"`
	Facts  *int   `json:"facts,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

const (
	exportFormat    = 1
	longestExported = 1 << 30 // bytes of a line
)

// Export writes all facts as lines of JSON, from one moment.
func (s *Store) Export(w io.Writer) error {
	return Export(w, func(yield func(key, value []byte) bool) error { return s.Range(nil, nil, yield) })
}

// Export writes the facts that a function yields as lines of JSON.
func Export(w io.Writer, facts func(yield func(key, value []byte) bool) error) error {
	sum := sha256.New()
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(io.MultiWriter(out, sum))
	n := 0
	failed := encoder.Encode(exportLine{Export: exportFormat})
	err := facts(func(key, value []byte) bool {
		n++
		if failed == nil {
			failed = encoder.Encode(exportLine{Key: key, Value: value})
		}
		return failed == nil
	})
	if failed == nil && err == nil {
		failed = encoder.Encode(exportLine{Facts: &n, SHA256: hex.EncodeToString(sum.Sum(nil))})
	}
	if err := errors.Join(err, failed, out.Flush()); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// readExport gives the facts of an export to add until that returns false. It
// reads to the end and checks the sum before it says that all is well.
func readExport(r io.Reader, add Pass) error {
	in := importer{lines: bufio.NewScanner(r), sum: sha256.New()}
	in.lines.Buffer(nil, longestExported)
	for {
		line, err := in.next()
		if err != nil {
			return fmt.Errorf("line %d: %w", in.number, err)
		}
		if line.Facts != nil || !add(line.Key, line.Value) {
			return nil
		}
	}
}

// importer reads the lines of an export.
type importer struct {
	lines  *bufio.Scanner
	sum    hash.Hash
	number int
	facts  int
}

// next returns the next line that has a fact, or the last line of the export.
func (in *importer) next() (exportLine, error) {
	if !in.lines.Scan() {
		if err := in.lines.Err(); err != nil {
			return exportLine{}, err
		}
		return exportLine{}, fmt.Errorf("the export ends early: %w", io.ErrUnexpectedEOF)
	}
	in.number++
	var line exportLine
	decoder := json.NewDecoder(bytes.NewReader(in.lines.Bytes()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil {
		return line, err
	}
	if line.Facts != nil {
		return line, in.checkEnd(&line)
	}
	in.sum.Write(in.lines.Bytes())
	in.sum.Write([]byte("\n"))
	switch {
	case in.number == 1 && line.Export == exportFormat:
		return in.next()
	case in.number == 1 && line.Export == 0:
		return line, errors.New("this is no export of a store")
	case in.number == 1:
		return line, fmt.Errorf("the export has format %d, and this version knows %d", line.Export, exportFormat)
	case len(line.Key) == 0:
		return line, errors.New("a fact without a key")
	}
	in.facts++
	return line, nil
}

func (in *importer) checkEnd(line *exportLine) error {
	if *line.Facts != in.facts || line.SHA256 != hex.EncodeToString(in.sum.Sum(nil)) {
		return errors.New("the export is damaged: its sum does not match")
	}
	return nil
}
