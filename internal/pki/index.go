package pki

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Kind is what a certificate is for.
type Kind string

// The kinds.
const (
	Server Kind = "server"
	Client Kind = "client"
)

// An Entry is a certificate that was issued.
type Entry struct {
	Name   string    `json:"name"` // of its files, and a client's common name
	Kind   Kind      `json:"kind"`
	Serial string    `json:"serial"` // in lower-case hexadecimal digits
	Issued time.Time `json:"issued"`
	Since  time.Time `json:"since"` // valid from, which is before Issued, for clocks that are behind
	Until  time.Time `json:"until"`
	// Revoked is when it was revoked; zero: it is not.
	Revoked   time.Time `json:"revoked,omitzero"`
	Algorithm Algorithm `json:"algorithm"`
	// Names are those that were asked for, for a server, and Local says that it
	// has those of the machine, too, as they were when it was issued.
	Names []string `json:"names,omitempty"`
	Local bool     `json:"local,omitempty"`
}

// State is what an entry is worth.
type State string

// The states of certificates.
const (
	Valid   State = "valid"
	Ending  State = "ends soon" // it is time to renew it
	Expired State = "expired"
	Revoked State = "revoked"
)

// State says what the certificate is worth now.
func (e Entry) State(now time.Time) State {
	switch {
	case !e.Revoked.IsZero():
		return Revoked
	case !now.Before(e.Until):
		return Expired
	case !now.Before(renewAt(e.Since, e.Until)):
		return Ending
	}
	return Valid
}

// index is what the authority remembers.
type index struct {
	List   int64   `json:"list"` // number of the last list of what is revoked
	Issued []Entry `json:"issued"`
}

// maxIndex is more than a million entries need.
const maxIndex = 512 << 20

func readIndex(path string) (index, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return index{}, fmt.Errorf("%s is missing, without which nothing can be revoked: bring it back from a backup", path)
	}
	if err == nil && info.Size() > maxIndex {
		err = fmt.Errorf("%s has %d bytes, which is too much", path, info.Size())
	}
	if err != nil {
		return index{}, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return index{}, err
	}
	var x index
	if err := json.Unmarshal(text, &x); err != nil {
		return index{}, fmt.Errorf("read %s: %w", path, err)
	}
	return x, nil
}

func (a *Authority) writeIndex() error {
	text, err := json.MarshalIndent(a.index, "", "  ")
	if err != nil {
		return err
	}
	return a.write(indexName, append(text, '\n'), private)
}
