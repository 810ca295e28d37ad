package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/internal/psk"
)

// renewal is how long before its end a certificate deserves a note.
const renewal = 30 * 24 * time.Hour

// speaksTLS does a handshake that trusts anybody, to see whether there is TLS
// and what certificates the server shows.
func (e *exam) speaksTLS(ctx context.Context, where dial.Options) bool {
	conn, err := e.opener(where)(ctx)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // what it said is what counts
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	config := &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, ServerName: e.serverName(),
		VerifyConnection: func(s tls.ConnectionState) error {
			e.shown = s.PeerCertificates
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			e.asks = true
			return &tls.Certificate{}, nil
		},
	}
	err = tls.Client(conn, config).HandshakeContext(ctx)
	return err == nil || len(e.shown) > 0 || alerted(err) != ""
}

// serverName is what the certificate must be for.
func (e *exam) serverName() string {
	if e.Where.TLS != nil && e.Where.TLS.ServerName != "" {
		return e.Where.TLS.ServerName
	}
	return strings.Trim(e.host, "[]")
}

// alerted is the name of the alert by which a server ended a handshake; empty:
// it did not.
func alerted(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return strings.TrimPrefix(op.Err.Error(), "tls: ")
	}
	return ""
}

// secure does the handshake as the options say, and looks at the certificate.
func (e *exam) secure(ctx context.Context) bool {
	where := e.Where
	where.WebSocket = nil
	switch {
	case where.PSK != nil:
		return e.securePSK(ctx, where)
	case where.TLS == nil:
		if !e.local() {
			e.say(ctx, CheckTLS, Note, "nothing protects the connection: whoever is on the way can read passwords and messages", "Let the broker listen with TLS as well, and use --cafile.")
		}
		return true
	}
	conn, err := e.opener(where)(ctx)
	if err != nil {
		e.fail(ctx, err, CheckTLS, e.remedy(err))
		e.certificate(ctx, err)
		return false
	}
	defer conn.Close() //nolint:errcheck // the handshake is all that was wanted
	text := "the handshake succeeds"
	if c, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		s := c.ConnectionState()
		text = fmt.Sprintf("%s with %s", tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite))
	}
	e.say(ctx, CheckTLS, OK, text, "")
	if where.TLS.Insecure {
		err = e.withoutInsecure(ctx, where)
	}
	e.certificate(ctx, err)
	if e.asks && where.TLS.CertFile == "" {
		e.say(ctx, CheckCertificate, Note, "the server asks for a client certificate", "If it insists on one, give it with --cert and --key.")
	}
	return true
}

func (e *exam) securePSK(ctx context.Context, where dial.Options) bool {
	conn, err := e.opener(where)(ctx)
	if err != nil {
		e.fail(ctx, err, CheckTLS, e.remedyPSK(ctx, err))
		return false
	}
	_ = conn.Close() // the handshake is all that was wanted
	e.say(ctx, CheckTLS, OK, fmt.Sprintf("at %s the key of %q is accepted", e.Where.Address(), where.PSK.Identity), "")
	return true
}

// remedyPSK is what to do about a key that is not accepted. If the server has not
// even said so, what it does speak is looked at.
func (e *exam) remedyPSK(ctx context.Context, err error) string {
	var alert psk.Alert
	switch {
	case errors.As(err, &alert) && (alert == psk.HandshakeFailure || alert == psk.InsufficientSecurity):
		return "If the port has TLS with certificates, use --cafile in the place of --psk; if not, leave --ciphers out."
	case errors.As(err, &alert) && alert != psk.ProtocolVersion:
		return "Compare --psk-identity and --psk with the broker's psk_file; its log may say which of the two is wrong."
	}
	e.Where.Port = e.port() // without a key another one is the default
	e.Where.PSK = nil
	if s := e.probe(ctx); s.form == mqtt || s.form == websocket {
		return fmt.Sprintf("Use the port of the broker that has a psk_file: at this one there is %s.", s.words())
	}
	return "Use the port of the broker that has a psk_file: this one is another."
}

// withoutInsecure says what the flag hides, and returns it.
func (e *exam) withoutInsecure(ctx context.Context, where dial.Options) error {
	strict := *where.TLS
	strict.Insecure = false
	where.TLS = &strict
	conn, err := e.opener(where)(ctx)
	if err == nil {
		_ = conn.Close() // the handshake is all that was wanted
		e.say(ctx, CheckTLS, Note, "--insecure is not needed: the certificate is good", "Leave --insecure out; with it anybody can pretend to be the broker.")
		return nil
	}
	e.say(ctx, CheckTLS, Note, "--insecure hides a problem: "+err.Error(), e.remedy(err))
	return err
}

// local reports whether the broker is on this machine.
func (e *exam) local() bool {
	address, err := netip.ParseAddr(e.host)
	return e.Where.Unix != "" || e.host == "localhost" || err == nil && address.IsLoopback()
}

// remedy is what to do about a handshake that failed.
func (e *exam) remedy(err error) string {
	var (
		unknown   x509.UnknownAuthorityError
		wrongName x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	alert := alerted(err)
	switch {
	case errors.As(err, &unknown):
		return "Get the certificate of that authority from whoever runs the broker, and give it with --cafile."
	case errors.As(err, &wrongName):
		return fmt.Sprintf("Connect to a name that the certificate is for, or let it be made anew for %s.", e.serverName())
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Now().After(invalid.Cert.NotAfter):
		return "Renew the certificate, and let the broker read it."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "Set the clock of this machine, or of the one that made the certificate."
	case strings.Contains(alert, "protocol version"):
		return "Let the broker offer TLS 1.2 or 1.3, or ask for less with --tls-version."
	case alert != "" && e.asks && e.Where.TLS.CertFile == "":
		return "Give a certificate that the broker trusts with --cert and --key."
	case alert != "" && e.asks:
		return "Have the client certificate signed by an authority that the broker trusts: the cafile of its listener."
	case alert != "" && len(e.shown) == 0:
		return "The broker may know pre-shared keys only: use --psk and --psk-identity; or else leave --ciphers out."
	}
	return "Look into the broker's log, which has a line about this."
}

// certificate says what there is to know of the server's certificate. What the
// handshake has failed with is not said again.
func (e *exam) certificate(ctx context.Context, said error) {
	if len(e.shown) == 0 {
		return
	}
	leaf, now := e.shown[0], time.Now()
	left := leaf.NotAfter.Sub(now)
	text := fmt.Sprintf("the certificate is for %s, signed by %q, and ends on %s", list(names(leaf)), leaf.Issuer.String(), leaf.NotAfter.Format(time.DateOnly))
	if n := len(e.shown) - 1; n > 0 {
		text += fmt.Sprintf("; %d of authorities came with it", n)
	}
	var invalid x509.CertificateInvalidError
	var wrongName x509.HostnameError
	bad := Problem
	if e.Where.TLS.Insecure {
		bad = Note
	}
	expirySaid := errors.As(said, &invalid) && invalid.Reason == x509.Expired
	switch {
	case left < 0 && !expirySaid:
		e.say(ctx, CheckCertificate, bad, text+": it has expired", "Renew the certificate, and let the broker read it.")
	case left < 0:
		e.say(ctx, CheckCertificate, Note, text, "")
	case left < renewal:
		e.say(ctx, CheckCertificate, Note, fmt.Sprintf("%s, %s from now", text, days(left)), "Renew it in time: every client refuses it afterwards.")
	default:
		e.say(ctx, CheckCertificate, OK, fmt.Sprintf("%s, %s from now", text, days(left)), "")
	}
	if err := leaf.VerifyHostname(e.serverName()); said != nil && err != nil && !errors.As(said, &wrongName) && len(names(leaf)) > 0 && leaf.Subject.CommonName != e.serverName() {
		e.say(ctx, CheckCertificate, bad, "besides, it is not for "+e.serverName(), e.remedy(err))
	}
}

// names are those that a certificate is for.
func names(c *x509.Certificate) []string {
	all := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		all = append(all, fmt.Sprintf("%q", c.Subject.String()))
	}
	return all
}

func days(d time.Duration) string {
	if n := int(d / (24 * time.Hour)); n != 1 {
		return fmt.Sprintf("%d days", n)
	}
	return "1 day"
}
