package bench

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

// fake is a broker of the smallest size, which makes mistakes to order. It knows
// exact filters, '#' at the end, shared subscriptions and QoS 0 to 2.
type fake struct {
	// route, if not nil, says what becomes of the nth PUBLISH (from 1): it
	// returns the packets to pass on. They may be kept: p is a copy.
	route func(n int, p *packet.Publish) []*packet.Publish
	// connack, if not nil, is the answer to every CONNECT.
	connack *packet.Connack
	// chop makes every write one byte at a time.
	chop bool
	// hangUp, if positive, closes the connection that sends this PUBLISH.
	hangUp int

	mu      sync.Mutex
	routed  int
	filters map[string][]*fakeConn
}

type fakeConn struct {
	net.Conn
	mu      sync.Mutex
	version packet.Version
	chop    bool
}

// start serves on a listener of its own, or wrapped, until the test ends.
func (f *fake) start(t *testing.T, wrap func(net.Listener) net.Listener) (host string, port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.filters = map[string][]*fakeConn{}
	address := l.Addr().(*net.TCPAddr)
	if wrap != nil {
		l = wrap(l)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { f.serve(&fakeConn{Conn: c, chop: f.chop}) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return address.IP.String(), address.Port
}

func (c *fakeConn) send(p packet.Packet) {
	b, err := p.Append(nil, c.version)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.chop && len(b) > 1 {
		_, _ = c.Write(b[:1])
		b = b[1:]
	}
	_, _ = c.Write(b)
}

func (f *fake) serve(c *fakeConn) {
	defer c.Close()
	r := packet.NewReader(c, 0)
	for {
		p, err := r.Next()
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *packet.Connect:
			c.version = p.Version
			if f.connack != nil {
				c.send(f.connack)
			} else {
				c.send(&packet.Connack{})
			}
		case *packet.Subscribe:
			answer := &packet.Suback{PacketID: p.PacketID}
			f.mu.Lock()
			for _, s := range p.Subscriptions {
				f.filters[s.Filter] = append(f.filters[s.Filter], c)
				answer.ReasonCodes = append(answer.ReasonCodes, packet.ReasonCode(s.QoS))
			}
			f.mu.Unlock()
			c.send(answer)
		case *packet.Publish:
			if !f.publish(c, p) {
				return
			}
		case *packet.Pubrec:
			c.send(&packet.Pubrel{Ack: packet.Ack{PacketID: p.PacketID}})
		case *packet.Pubrel:
			c.send(&packet.Pubcomp{Ack: packet.Ack{PacketID: p.PacketID}})
		case *packet.Pingreq:
			c.send(&packet.Pingresp{})
		case *packet.Disconnect:
			return
		}
	}
}

// count is how many messages the fake got.
func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.routed
}

// publish passes on a message, and reports whether its sender may stay.
func (f *fake) publish(c *fakeConn, p *packet.Publish) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.routed++
	if f.routed == f.hangUp {
		return false
	}
	switch p.QoS {
	case packet.AtLeastOnce:
		c.send(&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}})
	case packet.AtMostOnce:
	case packet.ExactlyOnce:
		c.send(&packet.Pubrec{Ack: packet.Ack{PacketID: p.PacketID}})
	}
	passed := []*packet.Publish{p}
	if f.route != nil {
		passed = f.route(f.routed, &packet.Publish{Message: *p.Clone(), PacketID: p.PacketID})
	}
	for _, p := range passed {
		for filter, conns := range f.filters {
			if after, shared := strings.CutPrefix(filter, "$share/bench/"); shared {
				filter, conns = after, conns[f.routed%len(conns):][:1]
			}
			if prefix, many := strings.CutSuffix(filter, "#"); filter == p.Topic || many && strings.HasPrefix(p.Topic, prefix) {
				for _, d := range conns {
					d.send(p)
				}
			}
		}
	}
	return true
}
