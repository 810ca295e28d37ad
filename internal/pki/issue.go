package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Request is a certificate that is asked for.
type Request struct {
	// Name is a client's common name, and of any certificate that of its files.
	Name string
	Kind Kind
	// Names are those that clients use for a server, and its addresses.
	Names []string
	// Machine is the one whose names and addresses a server has, too; nil: those
	// of Names only.
	Machine *Machine
	// Algorithm is that of the key; empty: that of the authority.
	Algorithm Algorithm
	// Life is how long it is valid; zero: 397 days for a server, five years for
	// a client. It ends with the authority at the latest.
	Life time.Duration
}

// Issue makes a key and its certificate. The error wraps ErrExists where a
// certificate of that name is there.
func (a *Authority) Issue(now time.Time, r Request) (Entry, error) {
	if err := a.ready(now); err != nil {
		return Entry{}, err
	}
	if err := CheckName(r.Name); err != nil {
		return Entry{}, err
	}
	e := Entry{Name: r.Name, Kind: r.Kind, Algorithm: r.Algorithm, Names: r.Names, Local: r.Machine != nil}
	if e.Algorithm == "" {
		e.Algorithm = algorithm(a.cert.PublicKey)
	}
	if last, ok := a.Find(r.Name); ok && last.Kind != r.Kind {
		return Entry{}, fmt.Errorf("%q is the name of a %s: %w", r.Name, last.Kind, ErrExists)
	}
	if _, err := os.Lstat(a.path(a.base(e) + certEnding)); err == nil {
		return Entry{}, fmt.Errorf("a certificate of the name %q: %w", r.Name, ErrExists)
	}
	key, err := newKey(e.Algorithm)
	if err != nil {
		return Entry{}, err
	}
	return a.issue(now, e, order{key: key, fresh: true, machine: r.Machine, life: r.Life})
}

// order is what to issue a certificate with, besides what its entry says.
type order struct {
	key     crypto.Signer
	fresh   bool // the key is not yet in its file
	machine *Machine
	life    time.Duration
}

// issue signs the certificate of e. It is in the index before it is in its file.
func (a *Authority) issue(now time.Time, e Entry, o order) (Entry, error) {
	names, err := e.allNames(o.machine)
	if err != nil {
		return Entry{}, err
	}
	serial, err := newSerial(rand.Reader)
	if err != nil {
		return Entry{}, err
	}
	e.Serial, e.Issued, e.Revoked = serialText(serial), whole(now), time.Time{}
	e.Since, e.Until = dates(now, e.Kind, o.life, a.cert)
	cert, err := sign(unsigned(e, serial, names, o.key.Public()), a.cert, o.key.Public(), a.key)
	if err != nil {
		return Entry{}, err
	}
	var key []byte
	if o.fresh {
		if key, err = encodeKey(o.key); err != nil {
			return Entry{}, err
		}
	}
	a.index.Issued = append(a.index.Issued, e)
	if err := a.writeIndex(); err != nil {
		a.index.Issued = a.index.Issued[:len(a.index.Issued)-1]
		return Entry{}, err
	}
	return e, a.writePair(a.base(e), key, encodeCertificate(cert))
}

// ready reports what stands in the way of signing.
func (a *Authority) ready(now time.Time) error {
	switch {
	case a.key == nil:
		return fmt.Errorf("%w in %s", ErrNoKey, a.dir)
	case !now.Before(a.cert.NotAfter):
		return fmt.Errorf("the authority in %s ended on %s: make another in another directory", a.dir, a.cert.NotAfter.Format(time.DateOnly))
	case now.Before(a.cert.NotBefore):
		return fmt.Errorf("the clock of this machine says %s, long before the authority was made: set it first", now.Format(time.DateTime))
	}
	return checkClock(now)
}

// allNames are those of the certificate: what was asked for first.
func (e Entry) allNames(machine *Machine) ([]string, error) {
	if e.Kind == Client {
		return nil, nil
	}
	var names []string
	for _, name := range e.Names {
		name, err := serverName(name)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if machine != nil {
		names = append(names, machine.Names()...)
	}
	seen := make(map[string]bool)
	names = slices.DeleteFunc(names, func(name string) bool {
		twice := seen[name]
		seen[name] = true
		return twice
	})
	if len(names) == 0 {
		return nil, errors.New("a certificate of a server needs a name or an address that clients know it by")
	}
	return names[:min(len(names), maxNames)], nil
}

// maxNames bounds the names of a certificate, which each client is sent.
const maxNames = 100

// serverName is a name or an address as a certificate has it.
func serverName(name string) (string, error) {
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ip.Unmap().WithZone("").String(), nil
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	bare := strings.TrimPrefix(name, "*.")
	for label := range strings.SplitSeq(bare, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return "", fmt.Errorf("%q is neither an address nor a name of a host, which is written in letters, digits, '-' and '.'", name)
		}
	}
	return name, nil
}

// CheckName says why a certificate cannot have a name, in a sentence that begins
// with it.
func CheckName(name string) error {
	var reason string
	switch {
	case name == "":
		reason = "is empty"
	case utf8.RuneCountInString(name) > maxCommonName:
		reason = fmt.Sprintf("has more than %d characters", maxCommonName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		reason = "has characters that cannot be printed"
	case strings.ContainsAny(name, `/\+#:*?"<>|`):
		reason = `has one of the characters / \ + # : * ? " < > |, which mean something in file names or topics`
	case name[0] == '.' || name[0] == '-' || strings.TrimSpace(name) != name:
		reason = "begins with '.' or '-', or begins or ends with a blank"
	case strings.EqualFold(name, AuthorityName):
		reason = "is the authority's own"
	default:
		return nil
	}
	return fmt.Errorf("the name %q %s", name, reason)
}

// RenewOptions say what a renewed certificate has that the old one has not.
type RenewOptions struct {
	// Machine is the one whose names and addresses a server has now. It is used
	// if the certificate was issued with those of a machine; nil: it is not.
	Machine *Machine
	// Names take the place of those that were asked for; nil: they stay.
	Names []string
	// NewKey makes another key. Otherwise it stays, so that clients that know
	// the key go on, and one file is replaced.
	NewKey bool
	// Life is as that of a Request.
	Life time.Duration
}

// Renew issues a certificate again. The old one is valid until it ends.
func (a *Authority) Renew(now time.Time, name string, o RenewOptions) (Entry, error) {
	if err := a.ready(now); err != nil {
		return Entry{}, err
	}
	e, ok := a.Find(name)
	if !ok {
		return Entry{}, a.unknown(name)
	}
	e, _ = a.Find(e.Name) // a serial number may be that of an older one
	next := order{fresh: o.NewKey, life: o.Life}
	if e.Local {
		next.machine = o.Machine
	}
	if o.Names != nil {
		e.Names = o.Names
	}
	var err error
	if !o.NewKey {
		next.key, err = readKey(a.path(a.base(e) + keyEnding))
		next.fresh = errors.Is(err, fs.ErrNotExist) // it was taken to where it is used
	}
	if next.fresh {
		next.key, err = newKey(e.Algorithm)
	}
	if err != nil {
		return Entry{}, err
	}
	return a.issue(now, e, next)
}

// ErrUnknown says that no certificate was issued with a name or serial number.
var ErrUnknown = errors.New("no certificate was issued")

func (a *Authority) unknown(name string) error {
	if n := len(a.bySerial(name)); n > 1 {
		return fmt.Errorf("%d serial numbers begin with %s: %w with one of them alone; write more digits", n, name, ErrUnknown)
	}
	return fmt.Errorf("%w with the name or serial number %q", ErrUnknown, name)
}

// A Reason says why a certificate is to be renewed now, in words that follow
// "because"; empty: there is none.
type Reason string

// Due reports whether the broker's certificate, or any other, is to be renewed.
// Machine is the one whose names a server with Local has; nil: they are not
// looked at.
func (a *Authority) Due(now time.Time, e Entry, machine *Machine) (Reason, error) {
	cert, err := readCertificate(a.path(a.base(e) + certEnding))
	if err != nil {
		return "", err
	}
	switch {
	case now.Before(cert.NotBefore):
		return Reason("it is valid from " + cert.NotBefore.Format(time.DateOnly) + " only"), nil
	case !now.Before(cert.NotAfter):
		return Reason("it ended on " + cert.NotAfter.Format(time.DateOnly)), nil
	case !now.Before(renewAt(cert.NotBefore, cert.NotAfter)) && cert.NotAfter.Before(a.cert.NotAfter):
		return Reason("it ends on " + cert.NotAfter.Format(time.DateOnly)), nil
	case e.Kind == Server && e.Local && machine != nil:
		if missing := Missing(cert, machine); len(missing) > 0 && len(Names(cert)) < maxNames {
			return Reason("it does not name " + strings.Join(missing, ", ")), nil
		}
	}
	return "", nil
}

// Missing are the names and addresses of a machine that a certificate has not.
func Missing(cert *x509.Certificate, machine *Machine) []string {
	has := Names(cert)
	return slices.DeleteFunc(machine.Names(), func(name string) bool { return slices.Contains(has, name) })
}
