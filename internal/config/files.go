package config

import "fmt"

// A named file is one that a word names, and what others must not do with it.
type namedFile struct {
	word   string
	owner  any
	path   string
	secret bool // others must not even read it
}

// files tells of files that are not there, or open to others.
func (l *linter) files() {
	if l.facts.Stat == nil {
		return
	}
	seen := map[string]bool{}
	for _, f := range l.named() {
		if f.path == "" || seen[f.word+f.path] {
			continue
		}
		seen[f.word+f.path] = true
		l.file(f)
		l.certificate(f)
	}
	l.ownFile()
}

// named are the files that the configuration names.
func (l *linter) named() (all []namedFile) {
	c := l.config
	for _, o := range c.Listeners {
		s, owner := c.SecurityOn(o), l.securityOwner(o)
		all = append(all,
			namedFile{"password_file", owner, s.PasswordFile, true}, namedFile{"psk_file", owner, s.PSKFile, true}, namedFile{"acl_file", owner, s.ACLFile, false},
			namedFile{"keyfile", o, keyPath(&o.TLS), true}, namedFile{"certfile", o, o.TLS.CertFile, false}, namedFile{"cafile", o, o.TLS.CAFile, false},
			namedFile{"capath", o, o.TLS.CAPath, false}, namedFile{"crlfile", o, o.TLS.CRLFile, false})
	}
	for _, b := range c.Bridges {
		t := &b.TLS
		all = append(all, namedFile{"bridge_keyfile", b, t.KeyFile, true}, namedFile{"bridge_certfile", b, t.CertFile, false},
			namedFile{"bridge_cafile", b, t.CAFile, false}, namedFile{"bridge_capath", b, t.CAPath, false})
	}
	return all
}

func keyPath(t *TLS) string {
	if t.KeyForm == "engine" {
		return ""
	}
	return t.KeyFile
}

// The bits of a mode that others have.
const (
	othersRead  = 0o004
	othersWrite = 0o002
)

func (l *linter) file(f namedFile) {
	fact, ok := l.facts.Stat(f.path)
	at := l.owned(f.word, f.owner)
	switch {
	case !ok, fact.Missing && f.word == "acl_file": // without it nothing starts, which is said in other words
	case fact.Missing:
		l.add(Wrong, at, f.word, fmt.Sprintf("There is no file '%s'.", clean(f.path)), "Check the name; a relative one is looked for in the working directory.")
	case fact.Mode&othersWrite != 0:
		l.add(Insecure, at, f.word, fmt.Sprintf("everybody on this machine can change '%s' (mode %04o, owner %s)", clean(f.path), fact.Mode, fact.Owner),
			fmt.Sprintf("Run 'chmod o-w %s'.", clean(f.path)))
	case f.secret && fact.Mode&othersRead != 0:
		l.add(Insecure, at, f.word, fmt.Sprintf("everybody on this machine can read '%s' (mode %04o, owner %s)", clean(f.path), fact.Mode, fact.Owner),
			fmt.Sprintf("Run 'chmod o-rwx %s'.", clean(f.path)))
	}
}

// certificate tells of a certificate that ends or is weak.
func (l *linter) certificate(f namedFile) {
	if l.facts.Certificate == nil || f.word != "certfile" && f.word != "bridge_certfile" {
		return
	}
	fact, ok := l.facts.Certificate(f.path)
	at := l.owned(f.word, f.owner)
	const remedy = "Get a new one, and reload."
	switch {
	case !ok:
		return
	case fact.Expired:
		l.add(Insecure, at, f.word, fmt.Sprintf("the certificate in '%s' has expired on %s", clean(f.path), fact.Until), remedy)
	case fact.Soon:
		l.add(Insecure, at, f.word, fmt.Sprintf("the certificate in '%s' expires on %s", clean(f.path), fact.Until), remedy)
	}
	if fact.Weak != "" {
		l.add(Insecure, at, f.word, fmt.Sprintf("the certificate in '%s' has %s", clean(f.path), fact.Weak), "Get one with a key of RSA with 2048 bits or more, or of ECDSA, signed with SHA-256.")
	}
}

// ownFile tells of passwords in a configuration that everybody can read.
func (l *linter) ownFile() {
	for _, b := range l.config.Bridges {
		for _, word := range []string{"remote_password", "local_password", "bridge_psk"} {
			at := l.owned(word, b)
			if !l.said(word, b) || at.file == "" || at.file == environment {
				continue
			}
			if fact, ok := l.facts.Stat(at.file); ok && fact.Mode&othersRead != 0 {
				l.add(Insecure, at, word, fmt.Sprintf("everybody on this machine can read this (mode %04o, owner %s)", fact.Mode, fact.Owner),
					fmt.Sprintf("Run 'chmod o-rwx %s'.", at.file))
			}
		}
	}
}
