package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/zancudomq/zancudo/internal/pki"
)

// init makes an authority and the broker's certificate.
func (c *certsRun) init(context.Context) error {
	machine, err := pki.ThisMachine()
	if err != nil {
		return err
	}
	a, err := pki.Create(c.dir, c.now, pki.CreateOptions{Host: machine.Host, Algorithm: c.algorithm(), Life: c.life()})
	if errors.Is(err, pki.ErrExists) {
		return fmt.Errorf("there is an authority in %s, and it stays: 'zancudo certs show%s' shows it, -d names another directory", c.dir, c.dirFlag())
	}
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // it was only locked
	e, err := a.Issue(c.now, c.serverRequest(pki.ServerName, machine, 0))
	if err != nil {
		return err
	}
	say(c.env.Stdout, "Made a certificate authority and a certificate for a broker, in %s\n\n", c.dir)
	certFile, keyFile := a.Files(e)
	c.table([][]string{
		{a.AuthorityFile(), "the authority, until " + date(a.Certificate().NotAfter) + ": clients get a copy"},
		{filepath.Join(c.dir, "ca.key"), "its key: whoever has it can make certificates"},
		{certFile, "the broker's certificate, until " + date(e.Until)},
		{keyFile, "its key"},
		{a.ListFile(), "what is revoked: nothing yet"},
	})
	c.names(certFile)
	say(c.env.Stdout, "\nNext: put this into the broker's configuration\n\n  listener %d\n  certfile %s\n  keyfile %s\n\n"+
		"and say to clients  --cafile %s\nA certificate for a client:  zancudo certs client NAME%s\n", defaultTLSPort, certFile, keyFile, quoted(a.AuthorityFile()), c.dirFlag())
	return nil
}

func (c *certsRun) serverRequest(name string, machine *pki.Machine, life time.Duration) pki.Request {
	if c.onlyNames {
		machine = nil
	}
	return pki.Request{Name: name, Kind: pki.Server, Names: c.certsOptions.names, Machine: machine, Algorithm: c.algorithm(), Life: life}
}

// table prints rows in columns, behind an indent.
func (c *certsRun) table(rows [][]string) {
	w := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		say(w, "  %s\n", strings.Join(row, "\t"))
	}
	_ = w.Flush() // nobody may be there to read it
}

// names says for which names a certificate of a server is.
func (c *certsRun) names(certFile string) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return
	}
	contents, err := pki.Read(text)
	if err != nil || len(contents.Certificates) == 0 {
		return
	}
	const lead = "  It is for "
	names := strings.Join(pki.Names(contents.Certificates[0]), ", ")
	say(c.env.Stdout, "\n%s%s\n", lead, fold(names, columns(c.env.Stdout)-len(lead), strings.Repeat(" ", len(lead))))
}

// client makes a certificate for a client.
func (c *certsRun) client(ctx context.Context) error {
	name, secret := c.args[0], ""
	if c.format != "" {
		if err := c.checkOutput(name); err != nil {
			return err
		}
		var err error
		if secret, err = c.secret(ctx); err != nil { // before the authority is locked
			return err
		}
	}
	return c.locked(func(a *pki.Authority) error { return c.issueClient(a, name, secret) })(ctx)
}

// issueClient makes the certificate and says what to do with it.
func (c *certsRun) issueClient(a *pki.Authority, name, secret string) error {
	e, err := a.Issue(c.now, pki.Request{Name: name, Kind: pki.Client, Algorithm: c.algorithm(), Life: c.life()})
	if errors.Is(err, pki.ErrExists) {
		return fmt.Errorf("there is a certificate of the name %q: 'zancudo certs renew %s%s' makes another, 'export' hands out the one that is there", name, quoted(name), c.dirFlag())
	}
	if err != nil {
		return err
	}
	if c.format != "" {
		if err := c.handOut(a, name, secret); err != nil {
			return err
		}
	}
	if c.output == "-" {
		return nil
	}
	certFile, keyFile := a.Files(e)
	say(c.env.Stdout, "Made a certificate for client %s, until %s\n\n", e.Name, date(e.Until))
	c.table([][]string{{certFile, "the certificate"}, {keyFile, "its key: for the client alone"}, {a.AuthorityFile(), "the authority, by which the client knows the broker"}})
	if c.format != "" {
		c.handedOut(name, secret)
		return nil
	}
	say(c.env.Stdout, "\nNext: give the three files to the client, as in\n\n  mosquitto_sub --cafile %s --cert %s --key %s …\n\n"+
		"or hand them out in one:  zancudo certs export %s -f p12|zip|header%s\n", quoted(a.AuthorityFile()), quoted(certFile), quoted(keyFile), quoted(name), c.dirFlag())
	return nil
}

// server makes a certificate for a broker.
func (c *certsRun) server(a *pki.Authority) error {
	name := pki.ServerName
	if len(c.args) > 0 {
		name = c.args[0]
	}
	machine, err := pki.ThisMachine()
	if err != nil {
		return err
	}
	e, err := a.Issue(c.now, c.serverRequest(name, machine, c.life()))
	if errors.Is(err, pki.ErrExists) {
		return fmt.Errorf("there is a certificate of the name %q: 'zancudo certs renew %s%s' makes it again, also with other names; another name makes another", name, quoted(name), c.dirFlag())
	}
	if err != nil {
		return err
	}
	certFile, keyFile := a.Files(e)
	say(c.env.Stdout, "Made a certificate for broker %s, until %s\n\n", e.Name, date(e.Until))
	c.table([][]string{{certFile, "the certificate: certfile"}, {keyFile, "its key: keyfile"}})
	c.names(certFile)
	return nil
}

// renew makes a certificate again, or all whose time has come.
func (c *certsRun) renew(a *pki.Authority) error {
	machine, err := pki.ThisMachine()
	if err != nil {
		return err
	}
	if len(c.args) == 0 {
		return c.renewAll(a, machine)
	}
	o := pki.RenewOptions{Machine: machine, NewKey: c.newKey, Life: c.life(), Names: c.certsOptions.names}
	e, err := a.Renew(c.now, c.args[0], o)
	if err != nil {
		return err
	}
	c.renewed(a, e, "")
	say(c.env.Stdout, "\nThe one before is valid until it ends, or is revoked by its serial number: 'zancudo certs show%s' has it.\n", c.dirFlag())
	return nil
}

func (c *certsRun) renewed(a *pki.Authority, e pki.Entry, reason pki.Reason) {
	certFile, _ := a.Files(e)
	because := ""
	if reason != "" {
		because = ", because " + string(reason)
	}
	say(c.env.Stdout, "Renewed %s, until %s%s\n\n", e.Name, date(e.Until), because)
	c.table([][]string{{certFile, "the certificate: a running broker takes it by itself"}})
	if e.Kind == pki.Server {
		c.names(certFile)
	}
}

// renewAll renews what is due. What was revoked stays so.
func (c *certsRun) renewAll(a *pki.Authority, machine *pki.Machine) error {
	done := 0
	var failures []error
	for _, e := range a.Entries() {
		if !a.Newest(e) || e.State(c.now) == pki.Revoked {
			continue
		}
		reason, err := a.Due(c.now, e, machine)
		if err == nil && reason == "" || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			e, err = a.Renew(c.now, e.Name, pki.RenewOptions{Machine: machine})
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		c.renewed(a, e, reason)
		done++
	}
	list, err := a.RefreshList(c.now)
	if list && err == nil {
		say(c.env.Stdout, "Signed the list of what is revoked again: %s\n", a.ListFile())
	}
	if done == 0 && !list && err == nil && failures == nil {
		say(c.env.Stdout, "Nothing is to be renewed.\n")
	}
	return errors.Join(append(failures, err)...)
}

// revoke revokes certificates.
func (c *certsRun) revoke(a *pki.Authority) error {
	revoked, err := a.Revoke(c.now, c.args[0])
	if err != nil {
		return err
	}
	if len(revoked) == 0 {
		say(c.env.Stdout, "No certificate of %s is valid any more: nothing was to be revoked.\n", c.args[0])
		return nil
	}
	for _, e := range revoked {
		say(c.env.Stdout, "Revoked the certificate of %s with serial number %s, which was valid until %s\n", e.Name, e.Serial, date(e.Until))
	}
	say(c.env.Stdout, "\n  %s  the list of what is revoked\n", a.ListFile())
	if slices.ContainsFunc(revoked, func(e pki.Entry) bool { return e.Kind == pki.Client }) {
		say(c.env.Stdout, "\nA broker whose configuration has this refuses it from now on:\n\n  cafile %s\n  crlfile %s\n", a.AuthorityFile(), a.ListFile())
	}
	return nil
}

// date is a day as it is printed.
func date(t time.Time) string { return t.Local().Format(time.DateOnly) }
