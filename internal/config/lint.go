package config

import (
	"fmt"
	"slices"
	"strings"
)

// FileFact is what is known of a file that a configuration names.
type FileFact struct {
	Missing bool
	Mode    uint32 // the nine bits of rwxrwxrwx
	Owner   string // "root (uid 0)"
}

// Facts are what only the machine knows.
type Facts struct {
	// Stat tells of a file; ok is false for one that cannot be looked at.
	Stat func(path string) (fact FileFact, ok bool)
}

// Lint returns what is insecure or pointless in c, and which files there are
// not. It is for somebody who asks: a broker starts without.
func Lint(c *Config, facts Facts) Problems {
	l := &linter{config: c, facts: facts}
	for _, listener := range c.Listeners {
		l.openness(listener)
		l.encryption(listener)
		l.pointlessTLS(listener)
		l.pointlessOn(listener)
	}
	for _, b := range c.Bridges {
		l.bridge(b)
		l.pointlessBridge(b)
	}
	l.files()
	l.pointless()
	l.problems.Sort()
	return l.problems
}

type linter struct {
	config   *Config
	facts    Facts
	problems Problems
}

// owned is the place of a word that was given for owner, or that of what owner
// begins with.
func (l *linter) owned(word string, owner any) place {
	if at, ok := l.config.places[given{Find(word), owner}]; ok {
		return at
	}
	switch o := owner.(type) {
	case *Listener:
		return place{o.File, o.Line}
	case *Bridge:
		return place{o.File, o.Line}
	case *Plugin:
		return place{o.File, o.Line}
	}
	return place{file: l.config.File}
}

// said reports whether a word was given for owner.
func (l *linter) said(word string, owner any) bool {
	_, ok := l.config.places[given{Find(word), owner}]
	return ok
}

func (l *linter) add(class Class, at place, word, text, remedy string) {
	p := &Problem{Class: class, File: at.file, Line: at.line, Word: word, Text: text, Remedy: remedy}
	if at.file == environment {
		p.Word = variableOf(word)
	}
	l.problems = append(l.problems, p)
}

func (l *linter) insecure(word string, owner any, text, remedy string) {
	l.add(Insecure, l.owned(word, owner), word, text, remedy)
}

// securityOwner is what the security words of a listener were given for.
func (l *linter) securityOwner(listener *Listener) any {
	if l.config.PerListenerSettings {
		return &listener.Security
	}
	return nil
}

// local reports whether a listener serves this machine only.
func (l *linter) local(listener *Listener) bool {
	return l.config.LocalOnly || listener.SocketPath != "" || loopback(listener.Address)
}

func loopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

// openness tells of listeners that let in whoever comes.
func (l *linter) openness(listener *Listener) {
	c := l.config
	at := func() place {
		if l.said("listener_allow_anonymous", listener) {
			return l.owned("listener_allow_anonymous", listener)
		}
		return l.owned("allow_anonymous", l.securityOwner(listener))
	}
	named := listener.TLS.RequireCertificate || listener.TLS.PSKHint != ""
	switch s := c.SecurityOn(listener); {
	case !c.AnonymousOn(listener) || named:
	case l.local(listener):
	case s.PasswordFile != "":
		l.add(Insecure, at(), "allow_anonymous", fmt.Sprintf("whoever reaches %v may connect without a name; only names that are given need a password", listener),
			"Remove 'allow_anonymous true' to have everybody give one.")
	default:
		l.add(Insecure, at(), "allow_anonymous", fmt.Sprintf("whoever reaches %v may connect, without a name or password", listener),
			"Use 'password_file' without 'allow_anonymous true', or listen at 127.0.0.1 only.")
	}
	if listener.Protocol == "websockets" && len(listener.WebSocketsOrigins) == 0 && c.AnonymousOn(listener) && !named {
		l.insecure("protocol", listener, fmt.Sprintf("any web page that a browser shows can connect to %v", listener),
			"Name the pages that may with 'websockets_origin', or have clients give a password.")
	}
	if listener.EnableProxyProtocol > 0 && !l.local(listener) {
		l.insecure("enable_proxy_protocol", listener, fmt.Sprintf("whoever reaches %v can claim to be any address, not only the proxy", listener),
			"Listen at an address that only the proxy reaches.")
	}
}

// encryption tells of what others can read on the way, and of TLS that is weak.
func (l *linter) encryption(listener *Listener) {
	t := &listener.TLS
	s := l.config.SecurityOn(listener)
	if s.PasswordFile != "" && !t.On() && !l.local(listener) && listener.EnableProxyProtocol == 0 {
		l.insecure("password_file", l.securityOwner(listener), fmt.Sprintf("passwords for %v cross the network in the clear", listener),
			"Give the listener a certificate with 'certfile' and 'keyfile'.")
	}
	if t.Version == "tlsv1.1" {
		l.insecure("tls_version", listener, "TLS 1.1 is broken, and nobody needs it any more", "Write 'tls_version tlsv1.2', or remove the line.")
	}
	if weak := weakCiphers(t.Ciphers); weak != "" {
		l.insecure("ciphers", listener, fmt.Sprintf("the ciphers of '%s' are broken or no ciphers at all", clean(weak)), "Remove the line: the default is good.")
	}
	if t.DisableClientCertDateChecks {
		l.insecure("disable_client_cert_date_checks", listener, "certificates of clients are accepted after they have expired", "Keep it for devices without a clock only.")
	}
}

// weakCiphers returns the part of a cipher list that asks for something weak.
func weakCiphers(list string) string {
	for _, one := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(":, ", r) }) {
		if strings.HasPrefix(one, "!") || strings.HasPrefix(one, "-") {
			continue
		}
		for part := range strings.SplitSeq(strings.TrimPrefix(one, "+"), "-") {
			if slices.Contains([]string{"NULL", "eNULL", "aNULL", "EXPORT", "EXP", "LOW", "RC4", "DES", "MD5", "ADH", "AECDH", "COMPLEMENTOFALL"}, part) {
				return one
			}
		}
	}
	return ""
}

func (l *linter) bridge(b *Bridge) {
	far := slices.ContainsFunc(b.Addresses, func(a Address) bool { return !loopback(a.Host) })
	if b.RemotePassword != "" && !b.TLS.On() && far {
		l.insecure("remote_password", b, fmt.Sprintf("the password of bridge %s crosses the network in the clear", clean(b.Name)),
			"Use the port for TLS and 'bridge_tls_use_os_certs true' or 'bridge_cafile'.")
	}
	if b.TLS.Insecure {
		l.insecure("bridge_insecure", b, fmt.Sprintf("bridge %s does not check whom it talks to", clean(b.Name)), "Remove the line when the tests are done.")
	}
	if b.TLS.Version == "tlsv1.1" {
		l.insecure("bridge_tls_version", b, "TLS 1.1 is broken, and nobody needs it any more", "Remove the line.")
	}
	if weak := weakCiphers(b.TLS.Ciphers); weak != "" {
		l.insecure("bridge_ciphers", b, fmt.Sprintf("the ciphers of '%s' are broken or no ciphers at all", clean(weak)), "Remove the line: the default is good.")
	}
	l.loop(b)
}

// loop tells of a bridge to this broker itself.
func (l *linter) loop(b *Bridge) {
	for _, a := range b.Addresses {
		here := slices.ContainsFunc(l.config.Listeners, func(o *Listener) bool { return o.Port == a.Port && l.reaches(o, a.Host) })
		if here && slices.ContainsFunc(b.Topics, func(t BridgeTopic) bool { return t.LocalPrefix == t.RemotePrefix }) {
			l.add(Pointless, l.owned("address", b), "address", fmt.Sprintf("bridge %s leads back to this broker, and its messages go round in circles", clean(b.Name)),
				"Give the address of the other broker.")
			return
		}
	}
}

// reaches reports whether a connection to a loopback address comes to o.
func (l *linter) reaches(o *Listener, host string) bool {
	return loopback(host) && (o.Address == "" || loopback(o.Address))
}

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
	case !ok:
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

// ownFile tells of passwords in a configuration that everybody can read.
func (l *linter) ownFile() {
	for _, b := range l.config.Bridges {
		for word, secret := range map[string]string{"remote_password": b.RemotePassword, "local_password": b.LocalPassword, "bridge_psk": b.TLS.PSK} {
			at := l.owned(word, b)
			if secret == "" || at.file == "" || at.file == environment {
				continue
			}
			if fact, ok := l.facts.Stat(at.file); ok && fact.Mode&othersRead != 0 {
				l.add(Insecure, at, word, fmt.Sprintf("everybody on this machine can read this (mode %04o, owner %s)", fact.Mode, fact.Owner),
					fmt.Sprintf("Run 'chmod o-rwx %s'.", at.file))
			}
		}
	}
}
