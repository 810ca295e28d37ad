package psk

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// FuzzClientHello: a hello that parses is written again as something that parses
// to the same, and whatever the server chooses was offered.
func FuzzClientHello(f *testing.F) {
	h := &handshake{Conn: Client(nil, clientConfig())}
	f.Add(h.offer().appendClient(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		offer, err := parseClientHello(b)
		if err != nil {
			if _, ok := alertFor(err); !ok {
				t.Errorf("no alert for %v", err)
			}
			return
		}
		again, err := parseClientHello(offer.appendClient(nil))
		if err != nil || len(again.suites) != len(offer.suites) || again.encryptThenMAC != offer.encryptThenMAC ||
			again.extendedMasterSecret != offer.extendedMasterSecret || len(again.groups) != len(offer.groups) {
			t.Errorf("%v: %+v became %+v", err, offer, again)
		}
		s := &handshake{Conn: Server(nil, serverConfig())}
		if _, err := s.choose(offer); err == nil {
			if a := s.answer(offer); a.suites[0] != s.suite.id || s.suite.ecdhe && len(offer.pointFormats) > 0 && len(a.pointFormats) == 0 {
				t.Errorf("chose %v, answered %+v", s.suite.id, a)
			}
		}
	})
}

func FuzzServerHello(f *testing.F) {
	h := &handshake{Conn: Server(nil, serverConfig())}
	h.suite = suites()[0]
	f.Add(h.answer(&hello{suites: []Suite{renegotiationSCSV}, extensions: extensions{extendedMasterSecret: true, maxFragment: 1, pointFormats: []byte{0}}}).appendServer(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		chosen, err := parseServerHello(b)
		if err != nil {
			return
		}
		again, err := parseServerHello(chosen.appendServer(nil))
		if err != nil || again.suites[0] != chosen.suites[0] || again.renegotiation != chosen.renegotiation {
			t.Errorf("%v: %+v became %+v", err, chosen, again)
		}
	})
}

// FuzzOpen: no protection accepts what was not sealed, or panics on it.
func FuzzOpen(f *testing.F) {
	all := protectionsOf(f)
	for _, p := range all {
		f.Add(p[0].seal(nil, 0, recordData, []byte("hello")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFragment {
			return
		}
		for name, p := range all {
			if plain, ok := p[1].open(7, recordData, bytes.Clone(b)); ok {
				t.Errorf("%s: opened to %q", name, plain)
			}
		}
	})
}

// script is a connection that brings bytes and swallows what is written.
type script struct {
	r       io.Reader
	written bytes.Buffer
}

func (s *script) Read(b []byte) (int, error)       { return s.r.Read(b) }
func (s *script) Write(b []byte) (int, error)      { return s.written.Write(b) }
func (s *script) Close() error                     { return nil }
func (s *script) LocalAddr() net.Addr              { return nil }
func (s *script) RemoteAddr() net.Addr             { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// fuzzHandshake feeds bytes to one side: it ends with an error, it has told the
// peer of it unless the bytes just ended, and it has kept no more than it may.
func fuzzHandshake(f *testing.F, end func(net.Conn, Config) *Conn, config Config) {
	f.Helper()
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &script{r: bytes.NewReader(b)}
		c := end(s, config)
		err := c.Handshake()
		if err == nil {
			t.Fatal("a handshake without a peer")
		}
		if alert, ok := alertFor(err); ok && !bytes.HasSuffix(s.written.Bytes(), []byte{levelFatal, byte(alert)}) {
			t.Errorf("%v: the peer was told % x", err, s.written.Bytes())
		}
		if cap(c.in.body) > 2*maxFragment || cap(c.in.handshake) > 4*(maxMessage+maxPlain) {
			t.Errorf("kept %d and %d bytes", cap(c.in.body), cap(c.in.handshake))
		}
		if _, again := c.Read(make([]byte, 1)); !errors.Is(again, err) {
			t.Errorf("read after it: %v", again)
		}
	})
}

func FuzzServer(f *testing.F) {
	s := &script{r: bytes.NewReader(nil)}
	_ = Client(s, clientConfig()).Handshake() // it fails, after its first flight
	f.Add(s.written.Bytes())
	f.Add(append(bytes.Clone(s.written.Bytes()), "\x16\x03\x03\x00\x0a\x10\x00\x00\x06\x00\x04pump\x14\x03\x03\x00\x01\x01"...))
	f.Add([]byte("\x16\x03\x01\x00\x04\x01\xff\xff\xff"))
	f.Add([]byte("\x15\x03\x01\x00\x02\x01\x5a\x15\x03\x01\x00\x02\x02\x28"))
	fuzzHandshake(f, Server, serverConfig())
}

func FuzzClient(f *testing.F) {
	for _, id := range []Suite{PSKWithAES128CBCSHA256, ECDHEPSKWithAES128GCMSHA256} {
		config := clientConfig()
		config.Suites = []Suite{id}
		first := &script{r: bytes.NewReader(nil)}
		_ = Client(first, config).Handshake() // it fails, after its first flight
		second := &script{r: bytes.NewReader(first.written.Bytes())}
		_ = Server(second, serverConfig()).Handshake()
		f.Add(second.written.Bytes())
	}
	f.Add([]byte("\x16\x03\x03\x00\x04\x0b\x00\x00\x00"))
	fuzzHandshake(f, Client, clientConfig())
}
