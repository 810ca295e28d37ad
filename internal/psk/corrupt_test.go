package psk

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
)

// flipper changes one bit of one byte of what is written.
type flipper struct {
	net.Conn
	at, bit int
}

func (f *flipper) Write(b []byte) (int, error) {
	if f.at >= 0 && f.at < len(b) {
		changed := append([]byte(nil), b...)
		changed[f.at] ^= 1 << f.bit
		b = changed
	}
	f.at -= len(b)
	return f.Conn.Write(b)
}

// counter counts the bytes that are written.
type counter struct {
	net.Conn
	n int
}

func (c *counter) Write(b []byte) (int, error) {
	c.n += len(b)
	return c.Conn.Write(b)
}

// TestChangedHandshake changes each byte of a handshake on its way, in turn: one
// of the two notices. Only the version in the header of the first record means
// nothing.
func TestChangedHandshake(t *testing.T) {
	t.Parallel()
	for _, id := range []Suite{PSKWithAES128CBCSHA256, ECDHEPSKWithAES128GCMSHA256} {
		config := clientConfig()
		config.Suites = []Suite{id}
		a, b := memnet.Pipe(1 << 16)
		said := [2]*counter{{Conn: a}, {Conn: b}}
		if clientErr, serverErr := both(Client(said[0], config), Server(said[1], serverConfig())); clientErr != nil || serverErr != nil {
			t.Fatal(clientErr, serverErr)
		}
		for side, c := range said {
			for at := range c.n {
				t.Run(fmt.Sprint(id, " side ", side, " byte ", at), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { changeByte(t, config, side, at) })
				})
			}
		}
	}
}

func changeByte(t *testing.T, config Config, side, at int) {
	t.Helper()
	a, b := memnet.Pipe(1 << 16)
	ends := [2]net.Conn{a, b}
	for _, end := range ends {
		end.SetDeadline(time.Now().Add(time.Minute)) // a length that was made longer leaves both waiting
	}
	ends[side] = &flipper{Conn: ends[side], at: at, bit: at % 8}
	clientErr, serverErr := both(Client(ends[0], config), Server(ends[1], serverConfig()))
	if versionOfFirst := at == 2; clientErr == nil && serverErr == nil && !versionOfFirst {
		t.Error("nobody noticed")
	}
	a.Close()
	b.Close()
}
