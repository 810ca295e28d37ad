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
	// Certificate tells of the first certificate in a file; ok is false where
	// none can be read.
	Certificate func(path string) (fact CertificateFact, ok bool)
}

// CertificateFact is what is known of a certificate.
type CertificateFact struct {
	Until   string // the day it ends, as 2026-01-31
	Expired bool
	Soon    bool   // it ends within 30 days
	Weak    string // what is weak about it: "a key of 1024 bits"; empty: nothing
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
	if c.ACLMode != "enforce" {
		l.insecure("acl_mode", nil, fmt.Sprintf("with 'acl_mode %s' every client may publish and receive everything", c.ACLMode), "Remove the line when you have seen enough.")
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
	switch {
	case !c.AnonymousOn(listener) || named:
	case l.local(listener):
	case len(c.PasswordFilesOn(listener)) > 0:
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
	if len(l.config.PasswordFilesOn(listener)) > 0 && !t.On() && !l.local(listener) && listener.EnableProxyProtocol == 0 {
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
