//go:build unix

package broker_test

import (
	"net"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// told is a connection whose address is told by a proxy. It must not be read:
// its socket is.
type told struct {
	net.Conn
	t *testing.T
}

func (c *told) PlainSocket() net.Conn { return c.Conn }

func (c *told) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 5), Port: 6275}
}

func (c *told) Read([]byte) (int, error) {
	c.t.Error("read through the wrapper, with a buffer")
	return 0, net.ErrClosed
}

func TestPlainSocket(t *testing.T) {
	t.Parallel()
	b := broker.New(broker.Options{})
	defer b.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	b.ServeConn(&told{accepted, t})
	c := mqtttest.NewClient(t, n, packet.V311)
	c.Timeout = 30 * time.Second
	c.SendText("CONNECT id=behind clean")
	c.Expect("CONNACK")
	c.SendText("SUBSCRIBE 1 a qos=1", "PUBLISH 2 a qos=1 hello")
	c.Expect("SUBACK 1 1", "PUBLISH 1 a qos=1 hello", "PUBACK 2")
	for client := range b.Clients() {
		if got := client.RemoteAddr().String(); got != "192.0.2.5:6275" {
			t.Errorf("the client is at %s", got)
		}
	}
}
