package broker

import (
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// ConnectRequest is what a client says of itself when it connects.
type ConnectRequest struct {
	ClientID    string // assigned already, if the client sent none
	Username    string // an Authenticator may change it
	Password    []byte
	HasUsername bool
	HasPassword bool
	Version     packet.Version
	CleanStart  bool
	KeepAlive   time.Duration
	// Conn is the connection, to look at: addresses, the state of TLS.
	Conn net.Conn
	// Credential is what an Authenticator has found right, for its own Review.
	Credential any
}

// ServerReferenceError refers a client to another server. Its Reason is
// packet.UseAnotherServer or packet.ServerMoved.
type ServerReferenceError struct {
	Reason          packet.ReasonCode
	ServerReference string
}

func (e *ServerReferenceError) Error() string { return e.Reason.Error() + ": " + e.ServerReference }

// Unwrap is the reason code.
func (e *ServerReferenceError) Unwrap() error { return e.Reason }

// handleConnect takes the CONNECT. Nothing of a session is touched before the
// client has been authenticated and its will authorized.
func (c *conn) handleConnect(s *scratch, p *packet.Connect) error {
	if c.client != nil || c.exchange != nil { // [MQTT-3.1.0-2]
		return fmt.Errorf("second CONNECT: %w", packet.ProtocolError)
	}
	c.version, c.bridge, c.sizeLimit = p.Version, p.Bridge, p.MaximumPacketSize
	c.rules = c.listener.rules.Load()
	x := &exchange{connect: p}
	c.exchange = x
	var err error
	if x.assigned, err = c.checkConnect(p); err != nil {
		return err
	}
	x.request = &ConnectRequest{
		ClientID: p.ClientID, Username: p.Username, Password: p.Password, HasUsername: p.HasUsername, HasPassword: p.HasPassword,
		Version: p.Version, CleanStart: p.CleanStart, KeepAlive: seconds(p.KeepAlive), Conn: c.net,
	}
	if p.AuthenticationMethod != "" {
		return c.beginExchange(s, x)
	}
	if c.rules.Authenticator != nil {
		if err := c.authenticate(s, x.request); err != nil {
			return err
		}
	}
	return c.welcome(s, x, nil)
}

// authTimeout is how long an Authenticator may take.
const authTimeout = 10 * time.Second

// authenticate asks whether the client may connect. That takes time which is
// not the client's.
func (c *conn) authenticate(s *scratch, r *ConnectRequest) error {
	ctx, decided := c.deciding()
	defer decided()
	c.broker.clock.Set(&c.alarm, s.now.Add(2*authTimeout)) // the CONNECT has come in time
	err := c.rules.Authenticator.Authenticate(ctx, r)
	s.now = now()
	if err != nil {
		return withReason(err, packet.NotAuthorized)
	}
	return nil
}

// checkConnect checks what the specification and the options ask of a CONNECT,
// and assigns a client identifier if there is none.
func (c *conn) checkConnect(p *packet.Connect) (assigned bool, err error) {
	o, r := c.broker.options(), c.rules
	if !slices.Contains(r.Versions, p.Version) {
		return false, fmt.Errorf("MQTT %v is switched off: %w", p.Version, packet.UnsupportedProtocolVersion)
	}
	if len(p.ClientID) > o.MaxClientIDBytes || len(p.Username) > o.MaxClientIDBytes {
		return false, fmt.Errorf("client identifier or user name is longer than %d bytes: %w", o.MaxClientIDBytes, packet.ClientIdentifierNotValid)
	}
	if r.UsernameAsClientID {
		p.ClientID = p.Username
	}
	switch {
	case p.ClientID != "":
	case r.UsernameAsClientID:
		// The Authenticator may find a name, in a certificate.
	default:
		if o.RefuseEmptyClientID || r.RefuseEmptyClientID || p.Version == packet.V31 || p.Version == packet.V311 && !p.CleanStart {
			return false, fmt.Errorf("client identifier is empty: %w", packet.ClientIdentifierNotValid) // [MQTT-3.1.3-8]
		}
		p.ClientID = r.AutoIDPrefix + rand.Text() // [MQTT-3.1.3-6]
		assigned = true
	}
	if !assigned && !strings.HasPrefix(p.ClientID, o.ClientIDPrefix) {
		return false, fmt.Errorf("client identifier %.80q does not begin with %q: %w", p.ClientID, o.ClientIDPrefix, packet.NotAuthorized)
	}
	if limit := o.MaxKeepAlive; limit > 0 && p.Version != packet.V5 && (p.KeepAlive == 0 || seconds(p.KeepAlive) > limit) {
		return false, fmt.Errorf("keep alive of %d s exceeds %v: %w", p.KeepAlive, limit, packet.ClientIdentifierNotValid)
	}
	if p.Will == nil {
		return assigned, nil
	}
	if p.Will.QoS > *r.MaxQoS { // [MQTT-3.2.2-12]
		return false, fmt.Errorf("will QoS exceeds %d: %w", *r.MaxQoS, packet.QoSNotSupported)
	}
	if p.Will.Retain && o.RetainUnavailable { // [MQTT-3.2.2-13]
		return false, fmt.Errorf("will is retained: %w", packet.RetainNotSupported)
	}
	p.Will.Topic = r.MountPoint + p.Will.Topic
	if err := o.limits.CheckMessage(&p.Will.Message); err != nil {
		return false, fmt.Errorf("will: %w", err)
	}
	return assigned, nil
}

func seconds(n uint16) time.Duration { return time.Duration(n) * time.Second }

// welcome authorizes the will, gives the connection its session and answers
// with the CONNACK.
func (c *conn) welcome(s *scratch, x *exchange, data []byte) error {
	p, b := x.connect, c.broker
	if c.rules.UsernameAsClientID {
		if p.ClientID = x.request.Username; p.ClientID == "" {
			return fmt.Errorf("no user name to stand for the client identifier: %w", packet.NotAuthorized)
		}
	}
	cl := &client{broker: b, id: p.ClientID}
	if c.rules.Authenticator != nil {
		cl.user = x.request.Username
	}
	cl.listener.Store(c.listener)
	if p.Will != nil {
		if err := cl.authorize(Publish, p.Will.Topic); err != nil {
			return fmt.Errorf("will to %q: %w", p.Will.Topic, withReason(err, packet.NotAuthorized))
		}
	}
	ack, err := c.connack(x, data)
	if err != nil {
		return err
	}
	s.decoder.MaxPacketSize = c.rules.maxPacketSize
	c.keepAlive = seconds(p.KeepAlive)
	if ack.ServerKeepAlive != nil {
		c.keepAlive = seconds(*ack.ServerKeepAlive)
	}
	if err := b.attach(c, cl, p, ack); err != nil {
		return err
	}
	b.arrived(c)
	if err := c.client.save(); err != nil {
		b.options().Logger.Warn("session was not stored", "client", p.ClientID, "err", err)
		if !ack.SessionPresent || c.client.indebted() {
			c.turnAway(ack, err)
			return err
		}
	}
	c.molt = true
	c.watch(s.now)
	s.touched = append(s.touched, c)
	c.logConnected(x)
	if f := b.options().Trace.Packet; f != nil {
		f((*Client)(c.client), Received, p)
		f((*Client)(c.client), Sent, ack)
	}
	if p.AuthenticationMethod == "" {
		c.exchange = nil
	}
	if f := b.options().Trace.Connected; f != nil {
		f((*Client)(c.client))
	}
	return c.reviewLate()
}

// turnAway takes back that the client was welcomed, which it has not been told:
// the store has not taken a session that is new, or what another owes. The
// connection is still claimed, so nobody else writes to it.
func (c *conn) turnAway(ack *packet.Connack, err error) {
	c.detached.Store(true)
	if ack.SessionPresent && c.broker.detach(c, false) || !ack.SessionPresent && c.client.vanish(c) {
		c.sayNo(err)
	}
	c.hangUp()
}

// vanish ends a session that has just begun, as if c had never come. It reports
// whether c was still the client's connection.
func (cl *client) vanish(c *conn) bool {
	if !cl.current(c) {
		return false
	}
	cl.session.Will = nil
	left := cl.end()
	left.unborn = true
	cl.mu.Unlock()
	cl.broker.left(c)
	cl.broker.bury(cl, nil, left)
	return true
}

// connack is the CONNACK of a client that is welcome; SessionPresent is for
// attach to know.
func (c *conn) connack(x *exchange, data []byte) (*packet.Connack, error) {
	p, o, r := x.connect, c.broker.options(), c.rules
	ack := &packet.Connack{}
	if p.Version != packet.V5 {
		return ack, nil
	}
	ack.TopicAliasMaximum = r.terms.TopicAliases
	if r.maxPacketSize < packet.MaxRemainingLength {
		ack.MaximumPacketSize = r.maxPacketSize
	}
	if r.terms.ReceiveMaximum < 65535 {
		ack.ReceiveMaximum = r.terms.ReceiveMaximum
	}
	ack.RetainUnavailable = o.RetainUnavailable
	if *r.MaxQoS < packet.ExactlyOnce { // [MQTT-3.2.2-9]
		ack.MaximumQoS = r.MaxQoS
	}
	if x.assigned { // [MQTT-3.1.3-7]
		ack.AssignedClientID = p.ClientID
	}
	if limit := o.MaxKeepAlive; limit > 0 && (p.KeepAlive == 0 || seconds(p.KeepAlive) > limit) {
		ack.ServerKeepAlive = new(uint16(min(max(limit/time.Second, 1), 65535)))
	}
	if expiry := c.broker.expiry(p.SessionExpiry); expiry != p.SessionExpiry {
		ack.SessionExpiry = new(expiry)
	}
	if f := o.ResponseInformation; f != nil && p.RequestResponseInformation { // [MQTT-3.1.2-28]
		ack.ResponseInformation = f(x.request)
	}
	ack.AuthenticationMethod, ack.AuthenticationData = p.AuthenticationMethod, data // [MQTT-4.12.0-5]
	if c.fits(ack) {
		return ack, nil
	}
	ack.ResponseInformation = ""
	if c.fits(ack) {
		return ack, nil
	}
	return nil, fmt.Errorf("CONNACK exceeds the client's limit of %d: %w", c.sizeLimit, packet.PacketTooLarge)
}

// fits reports whether the client takes a packet of this size [MQTT-3.1.2-24].
func (c *conn) fits(p packet.Packet) bool {
	if c.sizeLimit == 0 {
		return true
	}
	b, err := p.Append(nil, c.version)
	return err == nil && len(b) <= int(c.sizeLimit)
}

// handleBeforeConnack takes what may come before the CONNACK: AUTH, and a
// DISCONNECT of a client that gives up [MQTT-3.1.2-30].
func (c *conn) handleBeforeConnack(s *scratch, p packet.Packet) error {
	switch p := p.(type) {
	case *packet.Auth:
		return c.continueExchange(s, p)
	case *packet.Disconnect:
		return errDisconnected
	default:
		return fmt.Errorf("%v before the CONNACK: %w", p.Type(), packet.ProtocolError)
	}
}
