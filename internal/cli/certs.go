package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/pki"
)

// certsOptions are what the command line of certs says.
type certsOptions struct {
	verb string
	args []string

	dir          string
	names        []string
	onlyNames    bool
	days         int
	rsa          bool
	newKey       bool
	format       string
	output       string
	overwrite    bool
	passwordFile string
	old          bool
	port         int
	json         bool
}

// certsVerbs are what certs can do.
var certsVerbs = []string{"init", "client", "server", "show", "renew", "revoke", "export"}

// certFormats are the values of --format.
var certFormats = []string{string(pki.PEM), string(pki.PKCS12), string(pki.Zip), string(pki.Header)}

const defaultTLSPort = 8883

// certsTable is the table of flags, bound to o.
func certsTable(o *certsOptions) *flags.Command {
	return &flags.Command{
		Name: "certs", Summary: "make, renew and revoke certificates",
		Usage: []string{
			"init [flags]", "client name [flags]", "server [name] [flags]", "show [name | file]... [flags]",
			"renew [name] [flags]", "revoke name|serial [flags]", "export name [flags]",
		},
		Text: "It is a certificate authority of your own, in a directory: for brokers that have no public name, and for devices that show a certificate instead of a password.\n\n" +
			"init makes the authority, and a certificate for a broker on this machine: for its name, its .local name, localhost, and every address that it has. " +
			"A running broker that uses it renews it by itself.\n\n" +
			"client makes a certificate for a device or a person, whose name is the user name where the broker has 'use_identity_as_username true'.\n\n" +
			"server makes one for a broker, also of another machine, under another name than \"server\".\n\n" +
			"show lists what was issued, or tells what is in files: certificates, revocation lists and keys, whoever made them.\n\n" +
			"renew makes a certificate again, with the same key unless --new-key is given; the old one is valid until it ends. Without a name it renews all whose time has come, " +
			"and the list of what is revoked.\n\n" +
			"revoke puts all certificates of a name, or the one with a serial number, on the list that the broker reads as 'crlfile'.\n\n" +
			"export hands out a certificate with its key, or with the name ca that of the authority alone.",
		Args: []flags.Arg{
			{Name: "command", Help: "what to do", Choices: certsVerbs, Set: flags.Text(&o.verb)},
			{Name: "name", Help: "of a certificate; its serial number, or the beginning of that, will do; for show also a file", Optional: true, Many: true, Completes: flags.File, Set: flags.Append(&o.args)},
		},
		Groups: []flags.Group{
			{Title: "Authority", Flags: []flags.Flag{
				{Names: "-d, --dir", Value: "directory", Help: "where it is ($XDG_STATE_HOME/zancudo/pki; for root /var/lib/zancudo/pki)", Completes: flags.Directory, Set: flags.Given(&o.dir)},
			}},
			{Title: "Certificates", Flags: []flags.Flag{
				{
					Names: "-n, --name", Value: "name", Help: "a further name or address that clients use for the broker; may be repeated", Set: flags.Append(&o.names),
					More: "A broker that is reached from outside has names that it does not know itself.",
				},
				{Names: "--only-names", Help: "only those, not the names and addresses of this machine", Set: flags.True(&o.onlyNames)},
				{Names: "--days", Value: "number", Help: "how long it is valid (a server's 397, a client's 1825, the authority 7300)", Set: flags.Int(&o.days, 1, 36500)},
				{Names: "--rsa", Help: "keys of RSA with 2048 bits, for old devices (ECDSA P-256)", Set: flags.True(&o.rsa)},
				{Names: "--new-key", Help: "with renew, another key", Set: flags.True(&o.newKey)},
			}},
			{Title: "Export", Flags: []flags.Flag{
				{
					Names: "-f, --format", Value: "format", Help: "how to hand it out, with client and export: pem, p12, zip for a phone, or header for a microcontroller (pem)",
					Choices: certFormats, Set: flags.Text(&o.format),
				},
				{Names: "-o, --output", Value: "file", Help: "where to; - is standard output (the name with the ending of the format)", Completes: flags.File, Set: flags.Given(&o.output)},
				{Names: "--overwrite", Help: "a file that exists", Set: flags.True(&o.overwrite)},
				{
					Names: "--password-file", Value: "file", Help: "whose first line is the password of p12 and zip; - is standard input", Completes: flags.File, Set: flags.Given(&o.passwordFile),
					More: "Without it the password is asked for at a terminal, and otherwise made and shown.",
				},
				{Names: "--old", Help: "encrypt p12 so that old programs read it; a zip always is", Set: flags.True(&o.old)},
				{Names: "--port", Value: "port", Help: "where the broker has TLS, for the text in a zip (8883)", Set: flags.Int(&o.port, 1, 65535)},
			}},
			{Title: "Other", Flags: append([]flags.Flag{{Names: "--json", Help: "with show, print JSON", Set: flags.True(&o.json)}}, standardFlags()...)},
		},
		Examples: []flags.Example{
			{Line: "zancudo certs init --name broker.example.org", Text: "make an authority and the broker's certificate, also for a name of the DNS"},
			{Line: "zancudo certs client phone -f zip", Text: "make a certificate and what a phone needs to install it"},
			{Line: "zancudo certs export pump -f header -o certificates.h", Text: "a header for a program on an ESP32"},
			{Line: "zancudo certs revoke phone", Text: "when it was lost"},
			{Line: "zancudo certs show server.crt", Text: "for whom a certificate is, and until when"},
		},
	}
}

// certs is a certificate authority.
func certs(ctx context.Context, env Env, args []string) int {
	o := &certsOptions{}
	table := certsTable(o)
	err := table.Parse(args)
	if err == nil {
		err = o.check()
	}
	if status, done := parsed(env, table, err, usageStatus); done {
		return status
	}
	c := &certsRun{certsOptions: o, env: env, now: time.Now()}
	if c.dir == "" {
		if c.dir, err = env.pkiDir(); err != nil {
			return c.failed(err)
		}
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil { // it is printed for other places
		return c.failed(err)
	}
	verbs := map[string]func(context.Context) error{
		"init": c.init, "client": c.client, "server": c.locked(c.server), "show": c.show, "renew": c.locked(c.renew), "revoke": c.locked(c.revoke), "export": c.export,
	}
	return c.failed(verbs[c.verb](ctx))
}

// check finds what does not belong together.
func (o *certsOptions) check() error {
	for _, f := range []struct {
		given bool
		name  string
		verbs string
	}{
		{o.names != nil, "--name", "init server renew"},
		{o.onlyNames, "--only-names", "init server"},
		{o.days != 0, "--days", "init client server renew"},
		{o.rsa, "--rsa", "init client server"},
		{o.newKey, "--new-key", "renew"},
		{o.format != "", "--format", "client export"},
		{o.output != "", "--output", "client export"},
		{o.overwrite, "--overwrite", "client export"},
		{o.passwordFile != "", "--password-file", "client export"},
		{o.old, "--old", "client export"},
		{o.port != 0, "--port", "client export"},
		{o.json, "--json", "show"},
	} {
		if f.given && !slices.Contains(strings.Fields(f.verbs), o.verb) {
			return flags.Errorf("%s means nothing to 'certs %s', only to %s.", f.name, o.verb, strings.Join(strings.Fields(f.verbs), ", "))
		}
	}
	return o.checkArgs()
}

func (o *certsOptions) checkArgs() error {
	least, most := 0, 0
	switch o.verb {
	case "client", "revoke", "export":
		least, most = 1, 1
	case "server", "renew":
		most = 1
	case "show":
		most = len(o.args)
	}
	switch {
	case len(o.args) < least:
		return flags.Errorf("No name given: 'zancudo certs %s NAME'.", o.verb)
	case len(o.args) > most:
		return flags.Errorf("Unexpected argument '%s'.", o.args[most])
	case o.verb == "renew" && len(o.args) == 0 && (o.names != nil || o.newKey || o.days != 0):
		return flags.Errorf("No name given: --name, --days and --new-key are for one certificate.")
	case o.onlyNames && len(o.names) == 0:
		return flags.Errorf("--only-names needs --name.")
	case o.output != "" && o.format == "" && o.verb == "client":
		return flags.Errorf("--output needs --format.")
	}
	if o.verb == "client" || o.verb == "server" && len(o.args) > 0 {
		if err := pki.CheckName(o.args[0]); err != nil {
			return flags.Errorf("%s.", capital(err.Error()))
		}
	}
	return nil
}

// pkiDir is where the authority of this user is, unless somebody says otherwise.
func (e Env) pkiDir() (string, error) {
	state := daemon.StateDir(e.Environ, os.Geteuid())
	if state == "" {
		return "", errors.New("there is no state directory, as the environment has no HOME: name a directory")
	}
	return filepath.Join(state, "pki"), nil
}

// certsRun is one run of certs.
type certsRun struct {
	*certsOptions
	env Env
	now time.Time
}

// locked is a command that works on the authority, with nobody else beside it.
func (c *certsRun) locked(work func(*pki.Authority) error) func(context.Context) error {
	return func(context.Context) error {
		a, err := pki.Open(c.dir)
		if err != nil {
			return err
		}
		defer func() { _ = a.Close() }() // it was only locked
		return work(a)
	}
}

// failed says why a command has not done its work, and returns the exit status.
func (c *certsRun) failed(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		return statusInterrupted
	case errors.Is(err, pki.ErrNone):
		say(c.env.Stderr, "Error: There is no certificate authority in %s. 'zancudo certs init' makes one there; -d names another directory.\n", c.dir)
	case errors.Is(err, pki.ErrNoKey):
		say(c.env.Stderr, "Error: %s. Put it back for as long as you need it.\n", capital(err.Error()))
	case errors.Is(err, pki.ErrUnknown):
		say(c.env.Stderr, "Error: %s. 'zancudo certs show%s' lists them.\n", capital(err.Error()), c.dirFlag())
	default:
		say(c.env.Stderr, "Error: %s.\n", capital(err.Error()))
	}
	return statusError
}

// dirFlag is the flag that names the directory, for command lines that are
// printed; empty where it is the default.
func (c *certsRun) dirFlag() string {
	if dir, err := c.env.pkiDir(); err == nil && dir == c.dir {
		return ""
	}
	return " -d " + quoted(c.dir)
}

// quoted is a word as a shell reads it.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:,=@%+", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (o *certsOptions) algorithm() pki.Algorithm {
	if o.rsa {
		return pki.RSA2048
	}
	return ""
}

func (o *certsOptions) life() time.Duration { return time.Duration(o.days) * 24 * time.Hour }
