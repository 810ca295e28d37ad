package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/zancudomq/zancudo/internal/atomicfile"
	"github.com/zancudomq/zancudo/internal/pki"
)

// export hands out a certificate.
func (c *certsRun) export(ctx context.Context) error {
	if c.format == "" {
		c.format = string(pki.PEM)
	}
	name := c.args[0]
	if err := c.checkOutput(name); err != nil {
		return err
	}
	secret, err := c.secret(ctx)
	if err != nil {
		return err
	}
	return c.locked(func(a *pki.Authority) error {
		if err := c.handOut(a, name, secret); err != nil {
			return err
		}
		if c.output == "-" {
			return nil
		}
		say(c.env.Stdout, "Exported %s\n", name)
		c.handedOut(name, secret)
		return nil
	})(ctx)
}

// target is the file to write; empty: standard output.
func (c *certsRun) target(name string) string {
	switch {
	case c.output == "-":
		return ""
	case c.output != "":
		return c.output
	}
	ending := c.format
	if pki.Format(c.format) == pki.Header {
		ending = "h"
	}
	return name + "." + ending
}

// checkOutput reports a file that would be lost.
func (c *certsRun) checkOutput(name string) error {
	path := c.target(name)
	if path == "" || c.overwrite {
		return nil
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return err
		}
		return fmt.Errorf("%s exists: --overwrite replaces it, -o names another file", path)
	}
	return nil
}

// handOut writes a certificate in the format that was asked for. What others
// must not read, they cannot.
func (c *certsRun) handOut(a *pki.Authority, name, secret string) error {
	text, err := a.Export(name, pki.Format(c.format), pki.ExportOptions{Password: secret, Old: c.old, Port: cmp.Or(c.port, defaultTLSPort)})
	if err != nil {
		return err
	}
	path := c.target(name)
	if path == "" {
		_, err := c.env.Stdout.Write(text)
		return err
	}
	var mode fs.FileMode = 0o600
	if name == pki.AuthorityName {
		mode = 0o644
	}
	return atomicfile.Write(path, text, atomicfile.Options{Mode: mode, Inherit: true})
}

// handedOut says what was written and what to do with it.
func (c *certsRun) handedOut(name, secret string) {
	what := map[pki.Format]string{
		pki.PEM:    "its key, its certificate and the authority's, as PEM",
		pki.PKCS12: "its key, its certificate and the authority's, as PKCS#12",
		pki.Zip:    "for a phone: the authority, PKCS#12 and a text that says how to install them",
		pki.Header: "for a microcontroller: C strings, with how to use them",
	}
	if name == pki.AuthorityName {
		what[pki.PEM], what[pki.PKCS12] = "the authority, as PEM", "the authority, as PKCS#12"
	}
	path := c.target(name)
	say(c.env.Stdout, "\n  %s  %s\n", path, what[pki.Format(c.format)])
	if secret != "" && c.passwordFile == "" {
		say(c.env.Stdout, "\n  Password: %s\n\nIt is shown this once. Bring the file and the password to the client on different ways.\n", secret)
	}
}

// secret is the password of what is exported: from a file, from who sits at the
// terminal, or made.
func (c *certsRun) secret(ctx context.Context) (string, error) {
	if f := pki.Format(c.format); f != pki.PKCS12 && f != pki.Zip {
		return "", nil
	}
	switch {
	case c.passwordFile != "":
		return c.secretOf(c.passwordFile)
	case c.output != "-" && isTerminal(c.env.Stdin) && isTerminal(c.env.Stdout):
		p := &passwdRun{env: c.env}
		f := terminalOf(c.env.Stdin)
		first, err := p.question(ctx, "Password for the file (empty: one is made): ", int(f.Fd()))
		if err != nil || len(first) == 0 {
			return generated(4), err
		}
		second, err := p.question(ctx, "Reenter password: ", int(f.Fd()))
		if err == nil && !bytes.Equal(first, second) {
			err = errMismatch
		}
		return string(first), err
	case c.output == "-":
		return "", errors.New("standard output is the file, and the password would be lost: give one with --password-file")
	}
	return generated(4), nil
}

func (c *certsRun) secretOf(name string) (string, error) {
	r := c.env.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }() // it was only read
		r = f
	}
	secret, err := readPassword(r)
	if err == nil && len(secret) == 0 {
		err = errors.New("the first line of the password file is empty")
	}
	return string(secret), err
}

// generated makes a password that can be read out: groups of five characters,
// each of five random bits, of which none looks like another.
func generated(groups int) string {
	text := strings.ToLower(rand.Text())
	var all []string
	for i := range groups {
		all = append(all, text[5*i:5*i+5])
	}
	return strings.Join(all, "-")
}
