package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"time"
)

// Revoke revokes all certificates of a name that are valid, or the one with a
// serial number, and signs the list anew. It returns those it has revoked, which
// are none if they were before.
func (a *Authority) Revoke(now time.Time, nameOrSerial string) ([]Entry, error) {
	if err := a.ready(now); err != nil {
		return nil, err
	}
	var chosen []int
	for i, e := range a.index.Issued {
		if e.Name == nameOrSerial {
			chosen = append(chosen, i)
		}
	}
	if chosen == nil {
		if chosen = a.bySerial(nameOrSerial); len(chosen) != 1 {
			return nil, a.unknown(nameOrSerial)
		}
	}
	var revoked []Entry
	for _, i := range chosen {
		e := &a.index.Issued[i]
		if e.Revoked.IsZero() && now.Before(e.Until) {
			e.Revoked = whole(now)
			revoked = append(revoked, *e)
		}
	}
	// The list is signed even if nothing is new: an earlier attempt may have
	// ended between the index and the list.
	return revoked, a.writeList(now)
}

// RefreshList signs the list of what is revoked anew if it is missing, or time
// to. It reports whether it has.
func (a *Authority) RefreshList(now time.Time) (bool, error) {
	if err := a.ready(now); err != nil {
		return false, err
	}
	list, err := readList(a.ListFile())
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	case err == nil && !now.Before(list.ThisUpdate) && now.Before(list.NextUpdate.Add(-listLife/3)) && a.complete(list):
		return false, nil
	}
	return true, a.writeList(now)
}

// complete reports whether a list has all that the index says is revoked.
func (a *Authority) complete(list *x509.RevocationList) bool {
	listed := make(map[string]bool)
	for _, e := range list.RevokedCertificateEntries {
		listed[serialText(e.SerialNumber)] = true
	}
	for _, e := range a.index.Issued {
		if !e.Revoked.IsZero() && list.ThisUpdate.Before(e.Until) && !listed[e.Serial] {
			return false
		}
	}
	return true
}

// writeList signs the list of what is revoked. Certificates leave it some time
// after their end.
func (a *Authority) writeList(now time.Time) error {
	a.index.List++
	if err := a.writeIndex(); err != nil {
		return err
	}
	list := &x509.RevocationList{Number: big.NewInt(a.index.List), ThisUpdate: whole(now.Add(-listSkew)), NextUpdate: whole(now.Add(listLife))}
	for _, e := range a.index.Issued {
		if e.Revoked.IsZero() || now.After(e.Until.Add(skew)) {
			continue
		}
		serial, ok := new(big.Int).SetString(e.Serial, 16)
		if !ok {
			return fmt.Errorf("the serial number %q in %s is none", e.Serial, indexName)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: e.Revoked})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		return fmt.Errorf("sign the list of what is revoked: %w", err)
	}
	return a.write(caList, pem.EncodeToMemory(&pem.Block{Type: typeList, Bytes: der}), public)
}

func readList(path string) (*x509.RevocationList, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != typeList {
		return nil, fmt.Errorf("read %s: it holds no revocation list as PEM", path)
	}
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return list, nil
}
