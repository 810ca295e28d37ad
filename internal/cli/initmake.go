package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/atomicfile"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/internal/pki"
)

// findOwner finds whom the broker is to run as, of those that stand in for an
// empty name.
func findOwner(name string) (*owner, error) {
	names := []string{name}
	if name == "" {
		names = []string{"zancudo", "mosquitto", "nobody"}
	}
	for _, n := range names {
		u, err := user.Lookup(n)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", n, err)
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", n, err)
		}
		return &owner{n, uid, gid}, nil
	}
	return nil, fmt.Errorf("there is no user %s for the broker to run as: make one, as with 'adduser --system --group zancudo', or name another with --service-user", names[0])
}

// give makes a file or directory the broker's.
func (r *initRun) give(path string) error {
	if r.owner == nil {
		return nil
	}
	return os.Chown(path, r.owner.uid, r.owner.gid)
}

const (
	privateDir fs.FileMode = 0o700
	publicDir  fs.FileMode = 0o755
)

// directories makes those that are not there.
func (r *initRun) directories() error {
	if r.confDir != r.stateDir {
		if err := os.MkdirAll(r.confDir, publicDir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(r.stateDir), publicDir); err != nil {
		return err
	}
	for _, dir := range []string{r.stateDir, r.pkiDir()} {
		err := os.Mkdir(dir, privateDir)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = r.give(dir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *initRun) did(path, text string) { r.done = append(r.done, made{path, text}) }

// certificates makes the authority, the broker's certificate and, where clients
// show one, that of the first user.
func (r *initRun) certificates() error {
	now := time.Now()
	a, err := pki.Open(r.pkiDir())
	text := "the certificate authority, kept as it was"
	if errors.Is(err, pki.ErrNone) {
		a, err = pki.Create(r.pkiDir(), now, pki.CreateOptions{Host: r.machine.Host})
		text = "a certificate authority, and what it issues"
	}
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // it was only locked
	if e, ok := a.Find(pki.ServerName); ok && slices.ContainsFunc(r.names, func(n string) bool { return !slices.Contains(e.Names, n) }) {
		text += fmt.Sprintf("; 'zancudo certs renew server -d %s -n NAME' gives the broker's certificate other names", r.pkiDir())
	}
	r.did(r.pkiDir(), text)
	requests := []pki.Request{{Name: pki.ServerName, Kind: pki.Server, Names: r.names, Machine: r.machine}}
	if r.clientCerts {
		requests = append(requests, pki.Request{Name: r.user, Kind: pki.Client})
	}
	for _, request := range requests {
		if _, err := a.Issue(now, request); err != nil && !errors.Is(err, pki.ErrExists) {
			return err
		}
	}
	ca, err := a.Export(pki.AuthorityName, pki.PEM, pki.ExportOptions{})
	if err != nil {
		return err
	}
	if err := atomicfile.Write(r.path(initCA), ca, atomicfile.Options{Mode: 0o644, Inherit: true}); err != nil {
		return err
	}
	r.did(r.path(initCA), "the authority's certificate, for clients to copy")
	return nil
}

// file writes a file that is not there yet, or is to be replaced; the old one is
// put aside.
func (r *initRun) file(name, what, text string, mode fs.FileMode) error {
	path := r.path(name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return err
		}
		if !r.overwrite {
			r.did(path, what+", kept as it was")
			return nil
		}
		if err := os.Rename(path, path+oldEnding); err != nil {
			return err
		}
		what += "; the old one is " + name + oldEnding
	}
	if err := atomicfile.Write(path, []byte(text), atomicfile.Options{Mode: mode, Inherit: true}); err != nil {
		return err
	}
	r.did(path, what)
	return nil
}

// rules writes the first access rules.
func (r *initRun) rules() error {
	if err := r.file(initRules, "who may do what", r.rulesText(), 0o600); err != nil {
		return err
	}
	return r.give(r.path(initRules))
}

func (r *initRun) configuration() error {
	_, err := os.Lstat(r.path(initConf))
	r.kept = err == nil && !r.overwrite
	return r.file(initConf, "the configuration", r.configText(), 0o644)
}

// users adds the first user, if there is none of that name.
func (r *initRun) users() error {
	path := r.path(initUsers)
	secret := generated(5)
	hash, err := password.Recipe{Scheme: password.Argon2id}.Make([]byte(secret))
	if err != nil {
		return err
	}
	set := func(f *password.File) error {
		users, err := f.Users()
		if err != nil {
			return err
		}
		if users[r.user] == nil {
			f.Set(r.user, hash)
			r.password = secret
		}
		return nil
	}
	what := "the users"
	_, err = os.Lstat(path)
	switch {
	case err == nil && r.overwrite:
		if err = os.Rename(path, path+oldEnding); err == nil {
			what += "; the old ones are in " + initUsers + oldEnding
			err = password.Create(path, password.Options{}, set)
		}
	case err == nil:
		if err = password.Edit(path, password.Options{}, set); err == nil && r.password == "" {
			what += ", kept as they were"
		}
	case errors.Is(err, fs.ErrNotExist):
		err = password.Create(path, password.Options{}, set)
	}
	if err != nil {
		return fmt.Errorf("add user %s to %s: %w", r.user, path, err)
	}
	r.did(path, what)
	return r.give(path)
}

// setting is a line of a configuration: a word and a value that may have blanks.
func setting(word, value string) string { return word + " " + value + "\n" }

// configText is the configuration.
func (r *initRun) configText() string {
	var b strings.Builder
	pki := func(name string) string { return filepath.Join(r.pkiDir(), name) }
	b.WriteString("# The configuration of Zancudo, made by 'zancudo init'. It is yours: nothing changes it again.\n" +
		"# 'zancudo help config' lists the words, 'zancudo check FILE' finds mistakes, and 'zancudo reload' applies changes.\n\n" +
		"# Sessions, queues and retained messages survive restarts.\npersistence true\n")
	b.WriteString(setting("persistence_location", r.stateDir))
	if r.owner != nil {
		b.WriteString("\n# Whom the broker becomes when root starts it.\n" + setting("user", r.owner.name))
	}
	b.WriteString("\n# Who may come, and who may do what. 'zancudo passwd' adds users, 'zancudo explain' tells what the rules say.\nallow_anonymous false\n")
	b.WriteString(setting("password_file", r.path(initUsers)) + setting("acl_file", r.path(initRules)))
	if r.plain {
		fmt.Fprintf(&b, "\n# The network without TLS: passwords and messages can be read on the way.\nlistener %d\n", r.port)
	} else {
		fmt.Fprintf(&b, "\n# This machine, without TLS.\nlistener %d localhost\n", r.port)
	}
	fmt.Fprintf(&b, "\n# The network, with TLS. The broker renews the certificate by itself.\nlistener %d\n", r.tlsPort)
	b.WriteString(setting("certfile", pki("server.crt")) + setting("keyfile", pki("server.key")))
	if r.clientCerts {
		b.WriteString("# Clients show a certificate, whose name is their user name. 'zancudo certs' makes and revokes them.\n")
		b.WriteString(setting("cafile", pki("ca.crt")) + setting("crlfile", pki("ca.crl")) + "require_certificate true\nuse_identity_as_username true\n")
	}
	if info, err := os.Stat(r.path(initParts)); err == nil && info.IsDir() { // a package brings it, and people use it
		b.WriteString("\n# Further words, in files that end in .conf.\n" + setting("include_dir", r.path(initParts)))
	}
	return b.String()
}

// rulesText are the first access rules.
func (r *initRun) rulesText() string {
	return `# Who may publish and subscribe to what, made by 'zancudo init'. It is yours: nothing changes it again.
# 'zancudo explain' tells what the rules say, and 'zancudo reload' applies changes. What no rule allows is denied.

# Everybody: topics below their own user name.
pattern readwrite %u/#

# The first user: everything.
user ` + r.user + `
topic readwrite #
topic read $SYS/#
`
}
