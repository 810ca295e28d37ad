package doctor

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// link is an MQTT connection, a packet at a time: what a client library would do
// by itself is what is examined.
type link struct {
	net.Conn
	version packet.Version
	reader  *packet.Reader
	timeout time.Duration
	stop    func() bool // ends the watch over the context
}

// connect opens a connection and introduces the client. A refusal is a
// *client.ConnackError.
func (e *exam) connect(ctx context.Context, open opener, connect packet.Connect) (*link, *packet.Connack, error) {
	conn, err := open(ctx)
	if err != nil {
		return nil, nil, err
	}
	l := &link{Conn: conn, version: connect.Version, reader: packet.NewReader(conn, connect.Version), timeout: e.Timeout}
	l.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	p, err := l.ask(&connect)
	if err == nil {
		connack, ok := p.(*packet.Connack)
		switch {
		case !ok:
			err = fmt.Errorf("the broker answered CONNECT with %v", p.Type())
		case connack.ReasonCode != packet.Success:
			err = &client.ConnackError{Connack: connack}
		default:
			return l, connack, nil
		}
	}
	l.hangUp()
	return nil, nil, err
}

// ask sends a packet and returns the next that comes.
func (l *link) ask(p packet.Packet) (packet.Packet, error) {
	if err := l.send(p); err != nil {
		return nil, err
	}
	return l.next(l.timeout)
}

func (l *link) send(p packet.Packet) error {
	b, err := p.Append(nil, l.version)
	if err != nil {
		return err
	}
	if err := l.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return err
	}
	_, err = l.Write(b)
	return err
}

// next returns the next packet; it is valid until the following call.
func (l *link) next(patience time.Duration) (packet.Packet, error) {
	if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	return l.reader.Next()
}

// leave says goodbye. The broker shall forget the session at once.
func (l *link) leave() {
	p := &packet.Disconnect{}
	if l.version == packet.V5 {
		p.SessionExpiry = new(uint32)
	}
	_ = l.send(p) // a broker that has gone needs no goodbye
	l.hangUp()
}

func (l *link) hangUp() {
	l.stop()
	_ = l.Close() // what there was to say is said
}
