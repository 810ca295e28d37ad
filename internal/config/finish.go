package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// finish checks what only the whole configuration tells.
func (p *parser) finish() {
	c := p.config
	if len(c.Listeners) == 0 {
		c.Listeners = []*Listener{newListener(DefaultPort)}
	}
	p.settleDefault()
	for i, l := range c.Listeners {
		p.report(at(p.occupied(l, c.Listeners[:i]), l.File, l.Line))
		p.report(at(checkSocket(l), l.File, l.Line))
		p.report(at(checkTLS(l), l.File, l.Line))
		p.report(at(checkProxy(l), l.File, l.Line))
		p.report(c.checkRights(l))
	}
	p.report(c.checkDynamic())
	c.settleDatabase()
	p.report(p.homeless())
	p.report(c.lossy())
	for _, plugin := range c.plugins() {
		p.report(at(checkPlugin(plugin), plugin.File, plugin.Line))
	}
	for i, b := range c.Bridges {
		p.report(at(checkBridge(b, c.Bridges[:i]), b.File, b.Line))
	}
}

// homeless is the problem of a broker without a file that has no directory to keep
// its state in; nil: it has one. One with a file has the working directory.
func (p *parser) homeless() *Problem {
	if p.source.File != "" || !p.config.Persistence || p.config.PersistenceLocation != "" {
		return nil
	}
	return &Problem{
		Word: "persistence_location", Text: "There is no directory to keep sessions and messages in: the environment has no HOME, XDG_STATE_HOME or STATE_DIRECTORY.",
		Remedy: "Set one, name a directory in ZANCUDO_PERSISTENCE_LOCATION, or keep nothing with ZANCUDO_PERSISTENCE=false.",
	}
}

// settleDefault decides whether there is a default listener that only a word
// before any listener has created. If its words say nothing new there is none,
// since many files begin with 'protocol mqtt'. Nor does allow_anonymous alone
// open a port.
func (p *parser) settleDefault() {
	if p.createdBy == "" || len(p.config.Listeners) == 1 {
		return
	}
	warning := &Problem{
		Class: Pointless, File: p.created.file, Line: p.created.line, Word: p.createdBy,
		Text:   fmt.Sprintf("'%s' stands before any listener of its file and so opens port %d too", p.createdBy, p.defaultListener.Port),
		Remedy: "Write it below the 'listener' that it is for.",
	}
	like := *p.defaultListener
	like.File, like.Line, like.Security.AllowAnonymous = "", 0, nil
	if reflect.DeepEqual(&like, newListener(DefaultPort)) {
		p.config.Listeners = slices.DeleteFunc(p.config.Listeners, func(l *Listener) bool { return l == p.defaultListener })
		p.createdBy = ""
		warning.Text = fmt.Sprintf("'%s' has no effect: it stands before any listener of its file", warning.Word)
	}
	p.report(warning)
}

// at gives a problem its place.
func at(problem *Problem, file string, line int) *Problem {
	if problem != nil {
		problem.File, problem.Line = file, line
	}
	return problem
}

// occupied is the problem of a listener where another is already.
func (p *parser) occupied(l *Listener, others []*Listener) *Problem {
	for _, other := range others {
		if !l.overlaps(other) {
			continue
		}
		problem := &Problem{
			Word: "listener", Text: "Duplicate 'listener' value in configuration.",
			Remedy: fmt.Sprintf("Keep this one or that of %s.", place{other.File, other.Line}.from(l.File)),
		}
		switch {
		case p.createdBy != "" && (other == p.defaultListener || l == p.defaultListener):
			problem.Remedy = fmt.Sprintf("The word '%s' of %s stands before any listener of its file and so belongs to a listener of port %d: write it below this line.",
				p.createdBy, p.created.from(l.File), l.Port)
		case l.Address != other.Address:
			problem.Remedy = fmt.Sprintf("This one and that of %s share an address: keep one, or give each its own.", place{other.File, other.Line}.from(l.File))
		}
		return problem
	}
	return nil
}

// overlaps reports whether two listeners want the same socket. Two may share a
// port if they differ in the device, or in the kind of address.
func (l *Listener) overlaps(other *Listener) bool {
	switch {
	case l.Port != other.Port || l.Port == 0 && l.SocketPath != other.SocketPath:
		return false
	case l.BindInterface != other.BindInterface && l.BindInterface != "" && other.BindInterface != "":
		return false
	case l.SocketName != other.SocketName: // systemd has opened them
		return false
	case l.Address == other.Address:
		return l.SocketDomain == other.SocketDomain || l.SocketDomain == "" || other.SocketDomain == ""
	default:
		return (l.everywhere() || other.everywhere()) && l.family()&other.family() != 0
	}
}

// everywhere reports whether a listener has all addresses of its kind.
func (l *Listener) everywhere() bool {
	return l.Address == "" || l.Address == "0.0.0.0" || l.Address == "::"
}

// family tells which kinds of addresses a listener has: bit 0 is IPv4, bit 1 is
// IPv6. Those of the name of a host are not known, and so none.
func (l *Listener) family() int {
	switch {
	case l.SocketDomain == "ipv4":
		return 1
	case l.SocketDomain == "ipv6" || strings.Contains(l.Address, ":"):
		return 2
	case l.Address == "":
		return 3
	case strings.Trim(l.Address, "0123456789.") == "":
		return 1
	default:
		return 0
	}
}

func checkSocket(l *Listener) *Problem {
	if l.SocketMode != "" && !isMode(l.SocketMode) {
		return &Problem{
			Word: "socket_mode", Text: fmt.Sprintf("Invalid 'socket_mode' value (%s).", clean(l.SocketMode)), Remedy: "Write three or four octal digits, as in 0660.",
		}
	}
	return nil
}

// isMode reports whether s is a mode of a file in octal digits.
func isMode(s string) bool {
	if len(s) < 3 || len(s) > 4 || len(s) == 4 && s[0] != '0' {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '7' {
			return false
		}
	}
	return true
}

func checkTLS(l *Listener) *Problem {
	switch t := &l.TLS; {
	case t.CertFile != "" && t.KeyFile == "":
		return &Problem{Word: "certfile", Text: "Both certfile and keyfile must be provided.", Remedy: "Name the private key of the certificate with 'keyfile'."}
	case t.CertFile == "" && t.KeyFile != "":
		return &Problem{Word: "keyfile", Text: "Both certfile and keyfile must be provided.", Remedy: "Name the certificate of the key with 'certfile'."}
	case t.CertFile == "" && t.CAFile != "":
		return &Problem{Word: "cafile", Text: "The 'cafile' option requires certfile and keyfile.", Remedy: "Give the listener a certificate, or remove the line: without one it does not speak TLS."}
	case t.CertFile == "" && len(l.AdditionalCertificates) > 0:
		return &Problem{Word: "additional_certificate", Text: "The 'additional_certificate' option requires certfile and keyfile.", Remedy: "Name the first certificate with these."}
	case t.CertFile != "" && t.PSKHint != "":
		return &Problem{Word: "psk_hint", Text: "certfile and psk_hint cannot be used with one listener.", Remedy: "Give clients with pre-shared keys a listener of their own."}
	}
	for _, line := range l.AdditionalCertificates {
		if len(strings.Fields(line)) > 2 {
			return &Problem{
				Word: "additional_certificate", Text: fmt.Sprintf("Invalid 'additional_certificate' value (%s).", clean(line)),
				Remedy: "There is a file for the certificate and one for its key; neither name can have blanks.",
			}
		}
	}
	return nil
}

func checkProxy(l *Listener) *Problem {
	if l.EnableProxyProtocol != 2 {
		return nil
	}
	const remedy = "The proxy ends TLS: use 'enable_proxy_protocol 1', or remove what is about certificates."
	switch t := &l.TLS; {
	case t.UseSubjectAsUsername:
		return &Problem{Word: "use_subject_as_username", Text: "use_subject_as_username cannot be used with 'enable_proxy_protocol 2'.", Remedy: remedy}
	case t.CertFile != "":
		return &Problem{Word: "certfile", Text: "certfile and keyfile cannot be used with 'enable_proxy_protocol 2'.", Remedy: remedy}
	}
	return nil
}

// checkBridge checks a bridge that comes after others.
func checkBridge(b *Bridge, others []*Bridge) *Problem {
	what := func(text, word, remedy string) *Problem {
		return &Problem{Word: word, Text: "Invalid bridge configuration: " + text, Remedy: remedy}
	}
	switch t := &b.TLS; {
	case len(b.Addresses) == 0:
		return what("no remote addresses defined.", "address", "Write 'address HOST' below the connection.")
	case len(b.Topics) == 0:
		return what("no topics defined.", "topic", "Write which messages pass below the connection, as in 'topic # both'.")
	case t.PSK != "" && t.Identity == "":
		return what("missing bridge_identity.", "bridge_identity", "A key belongs to an identity: name it.")
	case t.Identity != "" && t.PSK == "":
		return what("missing bridge_psk.", "bridge_psk", "Give the key of the identity.")
	case t.PSK != "" && t.certificates():
		return what("both certificates and a pre-shared key.", "bridge_psk", "Use either; remove the words of the other.")
	case b.LocalClientID != "" && slices.ContainsFunc(others, func(o *Bridge) bool { return o.LocalClientID == b.LocalClientID }):
		return what("two have the same local_clientid.", "local_clientid", "Give each its own: a second client with the identifier takes the place of the first.")
	case (t.CertFile == "") != (t.KeyFile == ""):
		return what("bridge_certfile and bridge_keyfile go together.", "bridge_certfile", "Name both or none.")
	}
	return nil
}
