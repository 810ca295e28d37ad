package doctor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/packet"
)

// A form is what something that accepts connections turns out to be.
type form int

const (
	silent    form = iota // it says nothing
	closing               // it closes connections
	mqtt                  // it answers CONNECT
	websocket             // it makes a WebSocket of /mqtt
	web                   // it answers HTTP otherwise
	foreign               // it says something else
)

// spoken is what was found to be spoken.
type spoken struct {
	form   form
	tls    bool
	detail string // of web and foreign
}

// identify finds out what speaks at the port, also if it is not what the options
// say, and goes on with that if it may.
func (e *exam) identify(ctx context.Context) bool {
	if e.Where.PSK != nil {
		return true // without the key there is nothing to be seen
	}
	s := e.probe(ctx)
	where, what := e.Where.Address(), s.words()
	switch s.form {
	case silent:
		e.stop(ctx, fmt.Errorf("at %s connections are accepted, but neither MQTT, TLS nor HTTP is answered", where),
			"Look whether the broker hangs; a firewall or a proxy in between may swallow what it says.")
		return false
	case closing:
		e.stop(ctx, fmt.Errorf("at %s connections are closed without an answer%s", where, insideTLS(s.tls)),
			"Look into the broker's log: it may be full, deny this address, or expect a PROXY header or a client certificate.")
		return false
	case web:
		e.stop(ctx, fmt.Errorf("at %s there is an HTTP server that makes no WebSocket of /mqtt%s: %s", where, insideTLS(s.tls), s.detail),
			"Find the port of the broker itself, or let this server pass /mqtt on to it.")
		return false
	case foreign:
		e.stop(ctx, fmt.Errorf("at %s neither MQTT, TLS nor HTTP is spoken: it says %s", where, s.detail), "Check the host and the port: this is no broker.")
		return false
	default:
	}
	asked := spoken{form: mqtt, tls: e.Where.TLS != nil}
	if e.Where.WebSocket != nil {
		asked.form = websocket
	}
	if s == asked {
		e.say(ctx, CheckProtocol, OK, "at "+where+" there is "+what, "")
		return true
	}
	return e.adapt(ctx, s, asked)
}

// stop adds a problem of the protocol that ends the examination.
func (e *exam) stop(ctx context.Context, err error, remedy string) {
	e.fail(ctx, err, CheckProtocol, remedy)
}

func insideTLS(tls bool) string {
	if tls {
		return " inside of TLS"
	}
	return ""
}

// words are the protocol for a person.
func (s spoken) words() string {
	text := "MQTT"
	if s.form == websocket {
		text = "MQTT over WebSocket"
	}
	if s.tls {
		return text + " with TLS"
	}
	return text + " without TLS"
}

// adapt goes on with another protocol than was asked for, unless that would send
// unprotected what should have been protected.
func (e *exam) adapt(ctx context.Context, s, asked spoken) bool {
	var remedies []string
	switch {
	case s.tls && !asked.tls:
		remedies = append(remedies, "add --cafile and the file of the broker's authority, or --tls-use-os-certs for a public one")
		e.Where.Port = e.port() // without TLS another one is the default
		e.Where.TLS = &dial.TLS{}
	case !s.tls && asked.tls:
		remedies = append(remedies, "use the port of the broker that has TLS, mostly 8883; without the flags of TLS nothing protects the password")
	}
	switch {
	case s.form == websocket && asked.form == mqtt:
		remedies = append(remedies, "add --ws")
		e.Where.WebSocket = &dial.WebSocket{}
	case s.form == mqtt && asked.form == websocket:
		remedies = append(remedies, "leave --ws out")
		e.Where.WebSocket = nil
	}
	text := fmt.Sprintf("at %s there is %s, and %s was asked for", e.Where.Address(), s.words(), asked.words())
	e.say(ctx, CheckProtocol, Problem, text, capital(list(remedies))+".")
	if asked.tls && !s.tls {
		e.report.Err = errors.New(text)
		return false
	}
	return true
}

// probe asks in all the languages of brokers, first in the one of the options.
func (e *exam) probe(ctx context.Context) spoken {
	plain := e.Where
	plain.TLS, plain.WebSocket, plain.Port = nil, nil, e.port()
	if e.Where.TLS != nil && e.speaksTLS(ctx, plain) {
		return e.probeInside(ctx)
	}
	s := e.probeForm(ctx, e.opener(plain))
	mayBeTLS := s.form == silent || s.form == closing || s.tls
	if e.Where.TLS == nil && mayBeTLS && e.speaksTLS(ctx, plain) {
		return e.probeInside(ctx)
	}
	return s
}

// probeInside asks behind a TLS handshake in which anybody is trusted: nothing
// that is secret is said.
func (e *exam) probeInside(ctx context.Context) spoken {
	where := e.Where
	where.WebSocket, where.Port = nil, e.port()
	trusting := dial.TLS{}
	if where.TLS != nil {
		trusting = *where.TLS
	}
	trusting.Insecure = true
	where.TLS = &trusting
	open := e.opener(where)
	if conn, err := open(ctx); err == nil {
		_ = conn.Close() // the next ones are used
		s := e.probeForm(ctx, open)
		s.tls = true
		if s.form != silent && s.form != closing || !e.asks {
			return s
		}
	}
	// TLS, but not for us: the handshake, done again, will say why.
	s := spoken{form: mqtt, tls: true}
	if e.Where.WebSocket != nil {
		s.form = websocket
	}
	return s
}

// probeForm says CONNECT and, if that is not understood, asks for a WebSocket.
func (e *exam) probeForm(ctx context.Context, open opener) spoken {
	s := e.sayConnect(ctx, open)
	if s.form != silent && s.form != closing && s.form != web || s.tls {
		return s
	}
	if answer := e.askHTTP(ctx, open); answer.form != silent && answer.form != closing {
		return answer
	}
	return s
}

// sayConnect sends a CONNECT without a user, and looks at what comes back.
func (e *exam) sayConnect(ctx context.Context, open opener) spoken {
	conn, err := open(ctx)
	if err != nil {
		return spoken{form: closing}
	}
	defer conn.Close() //nolint:errcheck // what it said is what counts
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	connect := &packet.Connect{Version: packet.V311, CleanStart: true, KeepAlive: 60, ClientID: "doctor-" + e.id}
	b, err := connect.Append(nil, packet.V311)
	if err != nil {
		return spoken{form: silent}
	}
	_ = conn.SetDeadline(time.Now().Add(e.Timeout)) // the read tells
	_, _ = conn.Write(b)                            // the read tells
	answer := make([]byte, 256)
	n, err := io.ReadAtLeast(conn, answer, 4)
	s := classify(answer[:n], err)
	if s.form == mqtt {
		p, _, _ := (&packet.Decoder{Version: packet.V311}).Decode(answer[:n])
		e.anonymous, _ = p.(*packet.Connack)
		_, _ = conn.Write([]byte{byte(packet.DISCONNECT) << 4, 0}) // a goodbye that nobody has to hear
	}
	return s
}

// classify says what answers a CONNECT like that.
func classify(answer []byte, err error) spoken {
	switch {
	case len(answer) == 0 && errors.Is(err, os.ErrDeadlineExceeded):
		return spoken{form: silent}
	case len(answer) == 0:
		return spoken{form: closing}
	case len(answer) >= 4 && answer[0] == byte(packet.CONNACK)<<4 && answer[1] >= 2:
		return spoken{form: mqtt}
	case bytes.HasPrefix(answer, []byte("HTTP")):
		return spoken{form: web}
	case len(answer) >= 3 && answer[0] == 0x15 && answer[1] == 3: // an alert
		return spoken{form: closing, tls: true}
	}
	line, _, _ := bytes.Cut(answer, []byte("\n"))
	return spoken{form: foreign, detail: fmt.Sprintf("%.60q", bytes.TrimSpace(line))}
}

// askHTTP asks for a WebSocket.
func (e *exam) askHTTP(ctx context.Context, open opener) spoken {
	conn, err := open(ctx)
	if err != nil {
		return spoken{form: closing}
	}
	defer conn.Close() //nolint:errcheck // what it said is what counts
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_ = conn.SetDeadline(time.Now().Add(e.Timeout)) // the read tells
	_, _ = fmt.Fprintf(conn, "GET /mqtt HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", hostHeader(e.host, e.port()))
	response, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, 64<<10)), nil)
	if err != nil {
		return classify(nil, err)
	}
	_ = response.Body.Close() // it is not read
	e.compareClocks(ctx, response)
	if response.StatusCode == http.StatusSwitchingProtocols {
		return spoken{form: websocket}
	}
	detail := response.Status
	if server := response.Header.Get("Server"); server != "" {
		detail = fmt.Sprintf("%s (%.40q)", detail, server)
	}
	return spoken{form: web, detail: detail}
}

func hostHeader(host string, port int) string {
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
}

// tolerance is how far two clocks may be apart: a Date has whole seconds.
const tolerance = 5 * time.Second

// compareClocks looks at the Date of an HTTP answer, if there is one.
func (e *exam) compareClocks(ctx context.Context, r *http.Response) {
	theirs, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return
	}
	apart := time.Until(theirs)
	switch {
	case apart > tolerance:
		e.say(ctx, CheckClock, Note, fmt.Sprintf("the server's clock is %s ahead of this one", apart.Round(time.Second)), "Set one of the two: certificates and expiry times depend on them.")
	case apart < -tolerance:
		e.say(ctx, CheckClock, Note, fmt.Sprintf("the server's clock is %s behind this one", (-apart).Round(time.Second)), "Set one of the two: certificates and expiry times depend on them.")
	default:
		e.say(ctx, CheckClock, OK, "the server's clock agrees with this one, to a few seconds", "")
	}
}
