package daemon

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"

	"github.com/zancudomq/zancudo/internal/ciphers"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/listen"
	"github.com/zancudomq/zancudo/internal/psk"
	"github.com/zancudomq/zancudo/internal/trust"
	"github.com/zancudomq/zancudo/internal/ws"
)

// seal is what TLS of a listener is made of. It may change under the sockets of
// the listener; the connections that are there keep what they began with.
type seal struct{ current atomic.Pointer[secrets] }

func newSeal(t *secrets) *seal {
	s := &seal{}
	s.current.Store(t)
	return s
}

// secrets are what a listener and its clients prove themselves with: certificates
// or shared keys.
type secrets struct {
	trust *trust.Trust // nil: keys
	keys  psk.Config
	// warnings are what is wrong with the file of keys.
	warnings []string
	mark     *trust.Mark // of the file of keys; nil: there is none
	// loadKeys reads the keys again.
	loadKeys func() (*secrets, error)
}

// changed reports whether a file looks otherwise than when it was read.
func (s *secrets) changed() bool {
	if s.trust != nil {
		return s.trust.Changed()
	}
	return s.mark != nil && s.mark.Changed()
}

// load reads the same files again.
func (s *secrets) load() (*secrets, error) {
	if s.trust == nil {
		return s.loadKeys()
	}
	t, err := trust.Load(s.trust.Options())
	return &secrets{trust: t}, err
}

// server begins TLS on a connection.
func (s *seal) server(c net.Conn) listen.Session {
	now := s.current.Load()
	if now.trust == nil {
		return psk.Server(c, now.keys)
	}
	return &sealed{now.trust.Server(c), now.trust}
}

// sealed is a connection with certificates, and what it was begun with.
type sealed struct {
	*tls.Conn
	by *trust.Trust
}

// loadSecrets reads what TLS of a listener is made of; nil: it does without.
func loadSecrets(c *config.Config, l *config.Listener, keyLog io.Writer) (s *secrets, err error) {
	switch {
	case !l.TLS.On():
		return nil, nil //nolint:nilnil // the zero value is that there is none
	case l.TLS.CertFile == "":
		s, err = loadKeys(&l.TLS, c.SecurityOn(l).PSKFile, keyLog)
	default:
		var o trust.Options
		s = &secrets{}
		if o, err = trustOptions(l, keyLog); err == nil {
			s.trust, err = trust.Load(o)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", err, l)
	}
	return s, nil
}

// loadKeys reads the keys that clients share with a listener.
func loadKeys(c *config.TLS, file string, keyLog io.Writer) (*secrets, error) {
	s := &secrets{keys: psk.Config{Hint: c.PSKHint, Key: psk.Keys{}.Lookup, KeyLog: keyLog}}
	if c.Version == "tlsv1.3" {
		return nil, sentence("Pre-shared keys are for TLS 1.2 here: remove 'tls_version tlsv1.3' from the listener with 'psk_hint'.")
	}
	if c.Ciphers != "" {
		list, err := ciphers.Parse(c.Ciphers)
		if err == nil && len(list.PSK) == 0 {
			err = fmt.Errorf("cipher list %q has no suite with a pre-shared key", c.Ciphers)
		}
		if err != nil {
			return nil, sentence(fmt.Sprintf("Unable to set TLS ciphers. Check ciphers: %v.", err))
		}
		for _, id := range list.PSK {
			s.keys.Suites = append(s.keys.Suites, psk.Suite(id))
		}
	}
	if file == "" {
		return s, nil
	}
	s.mark = new(trust.Look(file)) // before it is read: what changes meanwhile is seen later
	s.loadKeys = func() (*secrets, error) { return loadKeys(c, file, keyLog) }
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &trust.FileError{Word: "psk_file", Path: file, Err: errors.Unwrap(err)}
	}
	keys, bad := psk.ParseKeys(text)
	for _, b := range bad {
		s.warnings = append(s.warnings, fmt.Sprintf("%s:%d: %s; the line is passed over", file, b.Line, b.Text))
	}
	s.keys.Key = keys.Lookup
	return s, nil
}

// trustOptions are what the words of a listener say of TLS.
func trustOptions(l *config.Listener, keyLog io.Writer) (trust.Options, error) {
	c := &l.TLS
	o := trust.Options{
		Certificates: []trust.Pair{{CertFile: c.CertFile, KeyFile: c.KeyFile}},
		CAFile:       c.CAFile, CAPath: c.CAPath, CRLFile: c.CRLFile, AnyDate: c.DisableClientCertDateChecks,
		Protocols: []string{"mqtt"}, KeyLog: keyLog,
	}
	for _, line := range l.AdditionalCertificates {
		names := strings.Fields(line)
		o.Certificates = append(o.Certificates, trust.Pair{CertFile: names[0], KeyFile: names[len(names)-1]})
	}
	if l.Protocol != "mqtt" {
		o.Protocols = []string{"http/1.1"}
	}
	switch {
	case c.RequireCertificate:
		o.Clients = trust.Required
	case c.UseIdentityAsUsername, c.UseSubjectAsUsername:
		o.Clients = trust.Asked
	}
	o.MinVersion = map[string]uint16{"tlsv1.1": tls.VersionTLS11, "tlsv1.2": tls.VersionTLS12, "tlsv1.3": tls.VersionTLS13}[c.Version]
	if c.Ciphers != "" {
		list, err := ciphers.Parse(c.Ciphers)
		if err == nil && len(list.Suites) == 0 && o.MinVersion < tls.VersionTLS13 {
			err = fmt.Errorf("cipher list %q has no suite for certificates of TLS 1.2", c.Ciphers)
		}
		if err != nil {
			return o, sentence(fmt.Sprintf("Unable to set TLS ciphers. Check ciphers: %v.", err))
		}
		o.Suites = list.Suites
	}
	if c.CiphersTLS13 != "" {
		var err error
		if o.Suites13, err = ciphers.ParseTLS13(c.CiphersTLS13); err != nil {
			return o, sentence(fmt.Sprintf("Unable to set TLS 1.3 ciphers. Check ciphers_tls1.3: %v.", err))
		}
	}
	return o, nil
}

// weakTLS warns of what the words about TLS leave open.
func weakTLS(c *config.Config) (all []string) {
	for _, l := range c.Listeners {
		t := &l.TLS
		if t.On() && t.Version == "tlsv1.1" {
			all = append(all, fmt.Sprintf("TLS 1.1 is served on %v, which is broken: write 'tls_version tlsv1.2' when no client needs it any more.", l))
		}
		if t.RequireCertificate && !t.On() && l.EnableProxyProtocol != 2 {
			all = append(all, fmt.Sprintf("'require_certificate' does nothing on %v, which does without TLS: give it a certificate with 'certfile' and 'keyfile'.", l))
		}
		if list, err := ciphers.Parse(t.Ciphers); err == nil && t.On() && len(list.Missing) > 0 {
			all = append(all, fmt.Sprintf("These ciphers of %v cannot be had here and are left out: %s.", l, strings.Join(list.Missing, ", ")))
		}
	}
	return all
}

// secureOptions say how TLS is spoken on the sockets of a listener.
func (d *daemon) secureOptions(s *seal) listen.SecureOptions {
	return listen.SecureOptions{
		Server: s.server, Turns: d.turns, Rejected: rejected(d.logger),
		Negotiated: func(c *listen.Secured) { d.negotiated(s, c) },
		Silent:     trust.HasNoAlert,
	}
}

// negotiated logs what a client has agreed on. It closes the connection if what
// decides about clients has changed since its handshake began, and would not let
// it in any more.
func (d *daemon) negotiated(s *seal, c *listen.Secured) {
	if err := s.recheck(c); err != nil {
		rejected(d.logger)(c.RemoteAddr(), err)
		_ = c.Close() // its end is found by who reads it
		return
	}
	version, cipher := "TLSv1.2", uint16(0)
	switch session := c.Session.(type) {
	case *sealed:
		state := session.ConnectionState()
		version, cipher = strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1), state.CipherSuite
		if shown := state.PeerCertificates; len(shown) > 0 {
			d.noteClientEnd(shown[0], c.RemoteAddr())
		}
	case *psk.Conn:
		cipher = uint16(session.State().Suite)
	}
	d.logger.Info("connection negotiated", "remote", c.RemoteAddr().String(), "version", version, "cipher", ciphers.Name(cipher))
}

// recheck reports whether a connection would be accepted now.
func (s *seal) recheck(c *listen.Secured) error {
	now := s.current.Load().trust
	t, ok := c.Session.(*sealed)
	if !ok || now == nil || now == t.by || now.AsksLike(t.by) {
		return nil
	}
	if err := now.Verify(t.ConnectionState().PeerCertificates); err != nil {
		return fmt.Errorf("certificate is not accepted any more: %w", err)
	}
	return nil
}

// unwrap finds the connection with TLS, or the one from a proxy, below a
// connection that may be a WebSocket.
func unwrap(c net.Conn) net.Conn {
	if w, ok := c.(*ws.Conn); ok {
		return w.NetConn()
	}
	return c
}

// openKeyLog opens the file of what decrypts connections, for this user only.
func (d *daemon) openKeyLog() (closeIt func(), err error) {
	name := d.options.KeyLogFile
	if name == "" {
		return func() {}, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Chmod(0o600) // it may have been there
	}
	if err != nil {
		return nil, fmt.Errorf("open key log: %w", err)
	}
	d.keyLog = f
	d.logger.Warn("keys of connections are logged", "file", name)
	return func() { _ = f.Close() }, nil // each line has been written
}
