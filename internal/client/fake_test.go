package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/packet"
)

// A server is scripted by a test: it accepts what the client dials and says
// what the test wants it to say.
type server struct {
	t      *testing.T
	conns  chan *peer
	down   atomic.Bool // dialling fails
	dialed []time.Time
}

// A peer is the server's end of one connection.
type peer struct {
	net.Conn
	t       *testing.T
	reader  *packet.Reader
	version packet.Version
	reads   *reads
}

// reads counts the reads that brought something.
type reads struct {
	io.Reader
	mu sync.Mutex
	n  int
}

func (r *reads) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > 0 {
		r.n++
	}
	return n, err
}

func newServer(t *testing.T) *server {
	t.Helper()
	return &server{t: t, conns: make(chan *peer, 16)}
}

func (s *server) dial(context.Context) (net.Conn, error) {
	s.dialed = append(s.dialed, time.Now())
	if s.down.Load() {
		return nil, syscall.ECONNREFUSED
	}
	near, far := memnet.Pipe(0)
	r := &reads{Reader: far}
	s.conns <- &peer{Conn: far, t: s.t, reader: packet.NewReader(r, 0), reads: r}
	return near, nil
}

// accept takes the next connection, expects a CONNECT and answers it.
func (s *server) accept(answer *packet.Connack) (*peer, *packet.Connect) {
	s.t.Helper()
	p := <-s.conns
	connect, ok := p.next().(*packet.Connect)
	if !ok {
		s.t.Fatal("first packet is not a CONNECT")
	}
	p.version = connect.Version
	p.send(answer)
	return p, connect
}

func (p *peer) next() packet.Packet {
	p.t.Helper()
	got, err := p.reader.Next()
	if err != nil {
		p.t.Fatalf("server reads: %v", err)
	}
	return got
}

// expect reads packets and compares them with those wanted.
func (p *peer) expect(want ...packet.Packet) {
	p.t.Helper()
	for _, w := range want {
		got := p.next()
		gotBytes, err := got.Append(nil, p.version)
		wantBytes, wantErr := w.Append(nil, p.version)
		if err != nil || wantErr != nil {
			p.t.Fatal(err, wantErr)
		}
		if !bytes.Equal(gotBytes, wantBytes) {
			p.t.Fatalf("server got %v %x, want %v %x", got, gotBytes, w, wantBytes)
		}
	}
}

// expectEnd reads the end of the connection.
func (p *peer) expectEnd() {
	p.t.Helper()
	if got, err := p.reader.Next(); err == nil {
		p.t.Fatalf("server got %v, want the end of the connection", got)
	}
}

// expectNothing makes sure that the client has nothing to say now.
func (p *peer) expectNothing() {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(time.Millisecond))
	if got, err := p.reader.Next(); !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		p.t.Fatalf("server got %v, %v, want silence", got, err)
	}
	p.SetReadDeadline(time.Time{})
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// send writes packets with one write.
func (p *peer) send(packets ...packet.Packet) {
	p.t.Helper()
	var b []byte
	for _, s := range packets {
		var err error
		if b, err = s.Append(b, p.version); err != nil {
			p.t.Fatal(err)
		}
	}
	if _, err := p.Write(b); err != nil {
		p.t.Fatalf("server writes: %v", err)
	}
}

// start connects a client to a new server, which answers with connack, and
// closes it at the end of the test.
func start(t *testing.T, o client.Options, connack *packet.Connack) (*client.Client, *server, *peer) {
	t.Helper()
	s := newServer(t)
	o.Dial = s.dial
	if o.Connect.ClientID == "" {
		o.Connect.ClientID, o.Connect.CleanStart = "c", true
	}
	c := client.New(o)
	t.Cleanup(func() { c.Close() })
	done := make(chan error)
	go func() {
		_, err := c.Connect(t.Context())
		done <- err
	}()
	p, _ := s.accept(connack)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, s, p
}

// always reconnects after a second.
func always(int, error) (time.Duration, bool) { return time.Second, true }

func message(qos packet.QoS, payload string) *packet.Publish {
	return &packet.Publish{Message: packet.Message{Topic: "a", Payload: []byte(payload), QoS: qos}}
}

// sent is the PUBLISH that the server should see.
func sent(id uint16, qos packet.QoS, payload string) *packet.Publish {
	p := message(qos, payload)
	p.PacketID = id
	return p
}

// again is the PUBLISH that the server should see for the second time.
func again(id uint16, qos packet.QoS, payload string) *packet.Publish {
	p := sent(id, qos, payload)
	p.Dup = true
	return p
}

func ack(id uint16) packet.Ack { return packet.Ack{PacketID: id} }

func puback(id uint16) *packet.Puback   { return &packet.Puback{Ack: ack(id)} }
func pubrec(id uint16) *packet.Pubrec   { return &packet.Pubrec{Ack: ack(id)} }
func pubrel(id uint16) *packet.Pubrel   { return &packet.Pubrel{Ack: ack(id)} }
func pubcomp(id uint16) *packet.Pubcomp { return &packet.Pubcomp{Ack: ack(id)} }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
