package trust

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	maxPEM = 4 << 20  // more than any file of certificates has
	maxCRL = 64 << 20 // a million certificates that were revoked
)

// FileError is a file that cannot be used.
type FileError struct {
	Word string // of the configuration, that names the file
	Path string
	Err  error
}

func (e *FileError) Error() string {
	return fmt.Sprintf("Unable to load '%s'. Check %s: %v.", e.Path, e.Word, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// Why a file is of no use.
var (
	errNoCertificates = errors.New("there is no certificate in it, which begins with -----BEGIN CERTIFICATE-----")
	errNoKey          = errors.New("there is no private key in it, which begins with -----BEGIN PRIVATE KEY-----")
	errNoList         = errors.New("there is no revocation list in it, which begins with -----BEGIN X509 CRL-----")
	errTooLong        = errors.New("it is too long to be that")
)

// read reads a file that a word names.
func read(word, path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &FileError{word, path, cause(err)}
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, &FileError{word, path, cause(err)}
	case int64(len(text)) > most:
		return nil, &FileError{word, path, errTooLong}
	}
	return text, nil
}

// cause is the reason alone, of an error that names the file as well.
func cause(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// blocks yields the blocks of PEM that have one of the types.
func blocks(text []byte, types ...string) func(yield func(der []byte) bool) {
	return func(yield func([]byte) bool) {
		for {
			var block *pem.Block
			if block, text = pem.Decode(text); block == nil {
				return
			}
			for _, one := range types {
				if block.Type == one && !yield(block.Bytes) {
					return
				}
			}
		}
	}
}

func hasBlock(text []byte, kind string) bool {
	for range blocks(text, kind) {
		return true
	}
	return false
}
