package mqtttest

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/packet"
)

// fake is a server of the simplest kind: QoS 0 and 1, filters without
// wildcards, no sessions. It knows the option "greeting", which it says as the
// reason string of a CONNACK.
type fake struct {
	greeting string

	mu    sync.Mutex
	conns map[net.Conn]packet.Version
	subs  map[string][]net.Conn
	done  sync.WaitGroup
}

func serveFake(t *testing.T, l *memnet.Listener, options []Option) (stop func()) {
	t.Helper()
	f := &fake{conns: map[net.Conn]packet.Version{}, subs: map[string][]net.Conn{}}
	for _, o := range options {
		if o.Key != "greeting" {
			t.Fatalf("unknown option %q", o.Key)
		}
		f.greeting = o.Value
	}
	f.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.done.Go(func() { f.serve(c) })
		}
	})
	return func() {
		l.Close()
		f.mu.Lock()
		for c, v := range f.conns {
			if v == packet.V5 {
				f.send(c, &packet.Disconnect{ReasonCode: packet.ServerShuttingDown})
			}
			c.Close()
		}
		f.mu.Unlock()
		f.done.Wait()
	}
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	defer f.forget(c)
	r := packet.NewReader(c, 0)
	var keepAlive time.Duration
	for {
		p, err := r.Next()
		if err != nil {
			return
		}
		f.mu.Lock()
		switch p := p.(type) {
		case *packet.Connect:
			keepAlive = time.Duration(p.KeepAlive) * time.Second * 3 / 2
			f.conns[c] = p.Version
			f.send(c, &packet.Connack{ReasonString: f.greeting})
		case *packet.Subscribe:
			ack := &packet.Suback{PacketID: p.PacketID}
			for _, s := range p.Subscriptions {
				f.subs[s.Filter] = append(f.subs[s.Filter], c)
				ack.ReasonCodes = append(ack.ReasonCodes, packet.ReasonCode(s.QoS))
			}
			f.send(c, ack)
		case *packet.Publish:
			for _, to := range f.subs[p.Topic] {
				f.send(to, p)
			}
			if p.QoS == packet.AtLeastOnce {
				f.send(c, &packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}})
			}
		case *packet.Pingreq:
			f.send(c, &packet.Pingresp{})
		case *packet.Disconnect:
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		if keepAlive > 0 {
			c.SetReadDeadline(time.Now().Add(keepAlive))
		}
	}
}

func (f *fake) send(c net.Conn, p packet.Packet) {
	b, err := p.Append(nil, f.conns[c])
	if err != nil {
		panic(err)
	}
	c.Write(b)
}

func (f *fake) forget(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
	for filter, list := range f.subs {
		f.subs[filter] = slices.DeleteFunc(list, func(x net.Conn) bool { return x == c })
	}
}
