package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/pki"
)

// show lists what was issued, or tells of certificates and files.
func (c *certsRun) show(ctx context.Context) error {
	if len(c.args) > 0 {
		var failures []error
		for i, name := range c.args {
			if err := c.showOne(name, i > 0); err != nil {
				failures = append(failures, err)
			}
		}
		return errors.Join(failures...)
	}
	return c.locked(c.showAll)(ctx)
}

// showAll lists what was issued.
func (c *certsRun) showAll(a *pki.Authority) error {
	if c.json {
		return c.showJSON(a)
	}
	where := a.Dir()
	if !a.CanSign() {
		where += " (without its key)"
	}
	say(c.env.Stdout, "%s, until %s, in %s\n\n", a.Certificate().Subject.CommonName, date(a.Certificate().NotAfter), where)
	rows := [][]string{{"NAME", "FOR", "UNTIL", "STATE", "SERIAL NUMBER"}}
	for _, e := range a.Entries() {
		state := string(e.State(c.now))
		if e.State(c.now) == pki.Valid && !a.Newest(e) {
			state = "valid, renewed"
		}
		rows = append(rows, []string{e.Name, "a " + string(e.Kind), date(e.Until), state, e.Serial})
	}
	if len(rows) == 1 {
		say(c.env.Stdout, "It has issued nothing yet.\n")
		return nil
	}
	c.table(rows)
	return nil
}

// shownEntry is a certificate as JSON.
type shownEntry struct {
	pki.Entry
	State    pki.State `json:"state"`
	CertFile string    `json:"certfile"`
	KeyFile  string    `json:"keyfile"`
}

func (c *certsRun) showJSON(a *pki.Authority) error {
	all := struct {
		Authority string       `json:"authority"`
		Until     time.Time    `json:"until"`
		CAFile    string       `json:"cafile"`
		CRLFile   string       `json:"crlfile"`
		CanSign   bool         `json:"can_sign"`
		Issued    []shownEntry `json:"issued"`
	}{a.Certificate().Subject.CommonName, a.Certificate().NotAfter, a.AuthorityFile(), a.ListFile(), a.CanSign(), []shownEntry{}}
	for _, e := range a.Entries() {
		shown := shownEntry{Entry: e, State: e.State(c.now)}
		if a.Newest(e) { // the files of an older one hold its successor
			shown.CertFile, shown.KeyFile = a.Files(e)
		}
		all.Issued = append(all.Issued, shown)
	}
	return c.encode(all)
}

func (c *certsRun) encode(v any) error {
	encoder := json.NewEncoder(c.env.Stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// showOne tells of a certificate of the authority, or of a file.
func (c *certsRun) showOne(name string, further bool) error {
	path := name
	var entry *pki.Entry
	a, err := pki.Open(c.dir)
	switch {
	case err == nil:
		defer func() { _ = a.Close() }() // it was only locked
		if e, ok := a.Find(name); ok {
			path, _ = a.Files(e)
			entry = &e
		} else if name == pki.AuthorityName {
			path = a.AuthorityFile()
		}
	case !errors.Is(err, pki.ErrNone) && !errors.Is(err, fs.ErrPermission):
		return err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && path == name {
		return fmt.Errorf("%q is neither a file nor a certificate in %s", name, c.dir)
	}
	if err != nil {
		return err
	}
	contents, err := pki.Read(text)
	if c.json {
		return errors.Join(err, c.contentsJSON(path, contents))
	}
	if further {
		say(c.env.Stdout, "\n")
	}
	say(c.env.Stdout, "%s\n", path)
	for _, cert := range contents.Certificates {
		c.certificate(cert, entry)
	}
	for _, list := range contents.Lists {
		c.list(list, a)
	}
	if contents.Keys > 0 {
		say(c.env.Stdout, "\n%s, of which nothing is shown\n", capital(count(contents.Keys, "private key")))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// rows prints facts in two columns, of which the second is folded.
func (c *certsRun) rows(rows [][2]string) {
	const lead = 14
	for _, row := range rows {
		if row[1] != "" {
			say(c.env.Stdout, "  %-*s%s\n", lead, row[0], fold(row[1], columns(c.env.Stdout)-lead-2, strings.Repeat(" ", lead+2)))
		}
	}
}

// certificate tells of a certificate; entry is what the authority knows of it,
// or nil.
func (c *certsRun) certificate(cert *x509.Certificate, entry *pki.Entry) {
	sum := sha256.Sum256(cert.Raw)
	say(c.env.Stdout, "\nCertificate of %s\n", subject(cert.Subject.String(), cert.Subject.CommonName))
	issuer := subject(cert.Issuer.String(), cert.Issuer.CommonName)
	if cert.CheckSignatureFrom(cert) == nil {
		issuer = "itself"
	}
	c.rows([][2]string{
		{"issued by", issuer},
		{"for names", strings.Join(pki.Names(cert), ", ")},
		{"use", uses(cert)},
		{"valid", fmt.Sprintf("%s to %s: %s", date(cert.NotBefore), date(cert.NotAfter), c.remaining(cert.NotBefore, cert.NotAfter))},
		{"key", keyText(cert.PublicKey)},
		{"signature", cert.SignatureAlgorithm.String()},
		{"serial number", hex.EncodeToString(cert.SerialNumber.Bytes())},
		{"SHA-256", strings.ToUpper(colons(sum[:]))},
	})
	if entry != nil && !entry.Revoked.IsZero() && entry.Serial == hex.EncodeToString(cert.SerialNumber.Bytes()) {
		c.rows([][2]string{{"revoked", date(entry.Revoked)}})
	}
}

// remaining says how long something is valid yet.
func (c *certsRun) remaining(since, until time.Time) string {
	days := func(d time.Duration) string { return count(int(d.Hours()/24), "day") }
	switch {
	case c.now.Before(since):
		return "not yet valid"
	case c.now.After(until):
		return "ended " + days(c.now.Sub(until)) + " ago"
	}
	return days(until.Sub(c.now)) + " left"
}

// list tells of a revocation list, with the names that the authority knows; a may
// be nil.
func (c *certsRun) list(list *x509.RevocationList, a *pki.Authority) {
	say(c.env.Stdout, "\nRevocation list of %s\n", subject(list.Issuer.String(), list.Issuer.CommonName))
	number := ""
	if list.Number != nil {
		number = list.Number.String()
	}
	c.rows([][2]string{
		{"number", number},
		{"valid", fmt.Sprintf("%s to %s: %s", date(list.ThisUpdate), date(list.NextUpdate), c.remaining(list.ThisUpdate, list.NextUpdate))},
		{"revoked", count(len(list.RevokedCertificateEntries), "certificate")},
	})
	var rows [][]string
	for _, e := range list.RevokedCertificateEntries {
		serial := hex.EncodeToString(e.SerialNumber.Bytes())
		name := ""
		if a != nil {
			if known, ok := a.Find(serial); ok && known.Serial == serial {
				name = known.Name
			}
		}
		rows = append(rows, []string{"  " + serial, date(e.RevocationTime), name})
	}
	c.table(rows)
}

// subject is who a certificate is of, in short.
func subject(whole, common string) string {
	if common != "" && whole == "CN="+common {
		return common
	}
	return whole
}

func uses(cert *x509.Certificate) string {
	if cert.IsCA {
		return "to issue certificates"
	}
	var all []string
	for _, u := range cert.ExtKeyUsage {
		switch u {
		case x509.ExtKeyUsageServerAuth:
			all = append(all, "server")
		case x509.ExtKeyUsageClientAuth:
			all = append(all, "client")
		default:
			all = append(all, "something else")
		}
	}
	return strings.Join(all, ", ")
}

func keyText(key any) string {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA with %d bits", k.N.BitLen())
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", key), "*")
}

func colons(b []byte) string {
	parts := make([]string, len(b))
	for i := range b {
		parts[i] = hex.EncodeToString(b[i : i+1])
	}
	return strings.Join(parts, ":")
}

// shownCertificate and shownList are parts of a file as JSON.
type shownCertificate struct {
	Subject string    `json:"subject"`
	Issuer  string    `json:"issuer"`
	Names   []string  `json:"names,omitempty"`
	Use     string    `json:"use"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Key     string    `json:"key"`
	Serial  string    `json:"serial"`
	SHA256  string    `json:"sha256"`
}

type shownList struct {
	Issuer  string    `json:"issuer"`
	Number  string    `json:"number,omitempty"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Revoked []string  `json:"revoked"`
}

func (c *certsRun) contentsJSON(path string, contents *pki.Contents) error {
	all := struct {
		File         string             `json:"file"`
		Certificates []shownCertificate `json:"certificates"`
		Lists        []shownList        `json:"lists"`
		Keys         int                `json:"keys"`
	}{path, []shownCertificate{}, []shownList{}, contents.Keys}
	for _, cert := range contents.Certificates {
		sum := sha256.Sum256(cert.Raw)
		all.Certificates = append(all.Certificates, shownCertificate{
			cert.Subject.String(), cert.Issuer.String(), pki.Names(cert), uses(cert), cert.NotBefore, cert.NotAfter, keyText(cert.PublicKey),
			hex.EncodeToString(cert.SerialNumber.Bytes()), hex.EncodeToString(sum[:]),
		})
	}
	for _, list := range contents.Lists {
		shown := shownList{Issuer: list.Issuer.String(), Since: list.ThisUpdate, Until: list.NextUpdate, Revoked: []string{}}
		if list.Number != nil {
			shown.Number = list.Number.String()
		}
		for _, e := range list.RevokedCertificateEntries {
			shown.Revoked = append(shown.Revoked, hex.EncodeToString(e.SerialNumber.Bytes()))
		}
		all.Lists = append(all.Lists, shown)
	}
	return c.encode(all)
}
