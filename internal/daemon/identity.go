package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/listen"
	"github.com/zancudomq/zancudo/internal/psk"
	"github.com/zancudomq/zancudo/internal/trust"
	"github.com/zancudomq/zancudo/packet"
)

// identified is an Authenticator of clients that prove who they are before they
// speak MQTT: by a certificate, to us or to a proxy, or by a shared key. They
// need no password, and any name that they give is passed over.
type identified struct{ subject bool } // the whole of it is the name

// identifies reports whether the clients of l are known by what they have proven.
func identifies(l *config.Listener) bool {
	return (l.TLS.UseIdentityAsUsername || l.TLS.UseSubjectAsUsername) && (l.TLS.On() || l.EnableProxyProtocol == 2)
}

func (i identified) Authenticate(_ context.Context, c *broker.ConnectRequest) error {
	name, err := i.name(unwrap(c.Conn))
	if err != nil {
		return fmt.Errorf("%w: %w", err, packet.BadUserNameOrPassword)
	}
	c.Username = name
	return nil
}

// name is that of the user at the other end.
func (i identified) name(conn net.Conn) (string, error) {
	switch c := conn.(type) {
	case *listen.Secured:
		return i.proven(c.Session)
	case *listen.Proxied:
		if !c.Header.Certificate || c.Header.CommonName == "" {
			return "", errors.New("the proxy tells of no certificate with a common name")
		}
		return c.Header.CommonName, trust.CheckName(c.Header.CommonName)
	}
	return "", errors.New("the client has not proven who it is")
}

func (i identified) proven(session listen.Session) (string, error) {
	if k, ok := session.(*psk.Conn); ok {
		name := k.State().Identity
		return name, trust.CheckName(name)
	}
	t, ok := session.(*sealed)
	if !ok {
		return "", errors.New("the client has not proven who it is")
	}
	shown := t.ConnectionState().PeerCertificates
	switch {
	case len(shown) == 0:
		return "", listen.ErrNoCertificate
	case i.subject:
		return trust.Subject(shown[0])
	default:
		return trust.CommonName(shown[0])
	}
}
