package pki

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The names in the directory of an authority. A certificate of a server lies
// beside them, those of clients in a directory of their own.
const (
	caCertificate = "ca.crt"
	caKey         = "ca.key"
	caList        = "ca.crl"
	indexName     = "issued.json"
	clientsName   = "clients"
	certEnding    = ".crt"
	keyEnding     = ".key"
	nextEnding    = ".next" // a key and its certificate, on their way into two files
)

// AuthorityName is the name of the authority's own certificate, and ServerName
// that of the broker's, unless it is given another.
const (
	AuthorityName = "ca"
	ServerName    = "server"
)

// An Authority is one in its directory, which nobody else changes until Close.
type Authority struct {
	dir   string
	lock  *os.File
	cert  *x509.Certificate
	key   crypto.Signer // nil: it is not there
	index index
}

// ErrNone says that there is no authority in a directory, and ErrExists that
// there is one, or a certificate of that name.
var (
	ErrNone   = errors.New("there is no certificate authority")
	ErrExists = errors.New("it exists")
)

// ErrNoKey says that an authority can issue and revoke nothing, since its key
// is kept elsewhere.
var ErrNoKey = errors.New("the key of the authority, " + caKey + ", is not there")

// CreateOptions say what authority to make.
type CreateOptions struct {
	// Host is the machine that it is named after.
	Host string
	// Algorithm is that of its key, and of those it issues by default.
	Algorithm Algorithm
	// Life is how long its certificate is valid; zero: 20 years.
	Life time.Duration
}

// Create makes an authority in a directory, which it makes if need be. The error
// wraps ErrExists where there is one.
func Create(dir string, now time.Time, o CreateOptions) (*Authority, error) {
	if err := checkClock(now); err != nil {
		return nil, err
	}
	if err := makeDirectory(dir); err != nil {
		return nil, fmt.Errorf("make the directory of the authority: %w", err)
	}
	a := &Authority{dir: dir}
	var err error
	if a.lock, err = lockDirectory(dir); err != nil {
		return nil, err
	}
	if err := a.create(now, o); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *Authority) create(now time.Time, o CreateOptions) error {
	if _, err := os.Lstat(a.path(caCertificate)); err == nil {
		return fmt.Errorf("make an authority in %s: %w", a.dir, ErrExists)
	}
	if old, err := readIndex(a.path(indexName)); err == nil && len(old.Issued) > 0 {
		return fmt.Errorf("%s is missing in %s, where certificates were issued: put it back, or move the directory away", caCertificate, a.dir)
	}
	key, err := newKey(o.Algorithm)
	if err != nil {
		return err
	}
	cert, err := selfSign(now, key, o)
	if err != nil {
		return err
	}
	a.key, a.cert = key, cert
	text, err := encodeKey(key)
	if err != nil {
		return err
	}
	// The certificate comes last: with it the authority is there.
	a.index = index{}
	if err := a.writeIndex(); err != nil {
		return err
	}
	if err := a.write(caKey, text, private); err != nil {
		return err
	}
	if err := a.writeList(now); err != nil {
		return err
	}
	return a.write(caCertificate, encodeCertificate(cert), public)
}

// Open opens the authority in a directory. The error wraps ErrNone where there
// is none.
func Open(dir string) (*Authority, error) {
	lock, err := lockDirectory(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, lock: lock}
	if err := a.open(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *Authority) open() (err error) {
	a.cert, err = readCertificate(a.path(caCertificate))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open %s: %w", a.dir, ErrNone)
	}
	if err != nil {
		return err
	}
	if a.index, err = readIndex(a.path(indexName)); err != nil {
		return err
	}
	a.key, err = readKey(a.path(caKey))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !belongs(a.cert, a.key):
		return fmt.Errorf("the key in %s is not that of %s", a.path(caKey), caCertificate)
	}
	return a.finishPairs()
}

// Close lets others change the directory.
func (a *Authority) Close() error { return a.lock.Close() }

// Certificate is that of the authority.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// CanSign reports whether the key of the authority is there.
func (a *Authority) CanSign() bool { return a.key != nil }

// Dir is the directory.
func (a *Authority) Dir() string { return a.dir }

func (a *Authority) path(name string) string { return filepath.Join(a.dir, name) }

// base is where the files of a certificate lie, without their endings.
func (a *Authority) base(e Entry) string {
	if e.Kind == Client {
		return filepath.Join(clientsName, e.Name)
	}
	return e.Name
}

// Files are where the certificate and the key of an entry lie.
func (a *Authority) Files(e Entry) (cert, key string) {
	base := a.path(a.base(e))
	return base + certEnding, base + keyEnding
}

// AuthorityFile is the certificate that clients are to trust, and ListFile the
// list of what is revoked.
func (a *Authority) AuthorityFile() string { return a.path(caCertificate) }

// ListFile is the list of what is revoked.
func (a *Authority) ListFile() string { return a.path(caList) }

// Owns reports whether a directory holds an authority with its key, which may
// read and change what is there.
func Owns(dir string) bool {
	for _, name := range []string{caKey, caCertificate, indexName} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return false
		}
		_ = f.Close() // it was only to be seen whether it can be read
	}
	return writable(dir)
}

// Entries are all certificates that were issued, the first first.
func (a *Authority) Entries() []Entry { return slices.Clone(a.index.Issued) }

// Find returns the newest certificate of a name, or the one with a serial
// number, of which the beginning may do.
func (a *Authority) Find(nameOrSerial string) (Entry, bool) {
	for _, e := range slices.Backward(a.index.Issued) {
		if e.Name == nameOrSerial {
			return e, true
		}
	}
	found := a.bySerial(nameOrSerial)
	if len(found) != 1 {
		return Entry{}, false
	}
	return a.index.Issued[found[0]], true
}

// leastSerial is how many digits of a serial number may stand for it.
const leastSerial = 6

// bySerial returns where the certificates are whose serial number begins so.
func (a *Authority) bySerial(digits string) (found []int) {
	digits = strings.ToLower(strings.ReplaceAll(digits, ":", ""))
	if len(digits) < leastSerial {
		return nil
	}
	for i, e := range a.index.Issued {
		if strings.HasPrefix(e.Serial, digits) {
			found = append(found, i)
		}
	}
	return found
}

// Newest reports whether no certificate of the same name was issued after e.
func (a *Authority) Newest(e Entry) bool {
	last, ok := a.Find(e.Name)
	return ok && last.Serial == e.Serial
}

// readCertificate reads the first certificate of a file.
func readCertificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != typeCertificate {
		return nil, fmt.Errorf("read %s: it holds no certificate as PEM", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return cert, nil
}

func readKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := decodeKey(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return key, nil
}
