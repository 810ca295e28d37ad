package psk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
)

const testIdentity = "pump"

func testKey() []byte { return bytes.Repeat([]byte{0xc3}, 24) }

func clientConfig() Config { return Config{Identity: testIdentity, Secret: testKey()} }

var errStranger = errors.New("a stranger")

func serverConfig() Config {
	return Config{Key: func(identity string) ([]byte, error) {
		if identity != testIdentity {
			return nil, errStranger
		}
		return testKey(), nil
	}}
}

// both does the handshake of both ends and returns their errors.
func both(client, server *Conn) (clientErr, serverErr error) {
	var wg sync.WaitGroup
	wg.Go(func() {
		if serverErr = server.Handshake(); serverErr != nil {
			server.Close()
		}
	})
	if clientErr = client.Handshake(); clientErr != nil {
		client.Close()
	}
	wg.Wait()
	return clientErr, serverErr
}

// connect returns both ends of a connection after the handshake.
func connect(tb testing.TB, clientConfig, serverConfig Config) (client, server *Conn) {
	tb.Helper()
	a, b := memnet.Pipe(1 << 16)
	client, server = Client(a, clientConfig), Server(b, serverConfig)
	if clientErr, serverErr := both(client, server); clientErr != nil || serverErr != nil {
		tb.Fatalf("client: %v; server: %v", clientErr, serverErr)
	}
	tb.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client, server
}

func TestEverySuite(t *testing.T) {
	t.Parallel()
	for _, id := range Suites() {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			config := clientConfig()
			config.Suites, config.ServerName = []Suite{id}, "broker.example"
			var keys [2]bytes.Buffer
			config.KeyLog = &keys[0]
			theirs := serverConfig()
			theirs.Hint, theirs.KeyLog = "which pump?", &keys[1]
			client, server := connect(t, config, theirs)
			if keys[0].String() != keys[1].String() || !strings.HasPrefix(keys[0].String(), "CLIENT_RANDOM ") {
				t.Errorf("key logs %q and %q", &keys[0], &keys[1])
			}
			row, _ := findSuite(id)
			want := State{
				Suite: id, Identity: testIdentity, Hint: theirs.Hint, ExtendedMasterSecret: true,
				EncryptThenMAC: row.mode == cbc, MaxRecordBytes: maxPlain,
			}
			if client.State() != want || server.State() != want {
				t.Errorf("client %+v\nserver %+v\nwant   %+v", client.State(), server.State(), want)
			}
			echo(t, client, server)
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.EOF { //nolint:errorlint // io.Reader promises the value
				t.Errorf("after goodbye: %d, %v", n, err)
			}
		})
	}
}

// echo sends much in both directions at once and compares it.
func echo(tb testing.TB, client, server net.Conn) {
	tb.Helper()
	want := bytes.Repeat([]byte("0123456789abcdef"), 5000)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if _, err := io.CopyN(server, server, int64(len(want))); err != nil {
			tb.Errorf("echo: %v", err)
		}
	})
	wg.Go(func() {
		for b := want; len(b) > 0; {
			n := min(len(b), 1+len(b)/3)
			if _, err := client.Write(b[:n]); err != nil {
				tb.Errorf("write: %v", err)
				return
			}
			b = b[n:]
		}
	})
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
		tb.Errorf("read: %v, equal is %t", err, bytes.Equal(got, want))
	}
}

func TestWhoCannotConnect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name           string
		change         func(client, server *Config)
		client, server string // the errors, without what stands before the first colon
	}{
		{
			"wrong key",
			func(c, _ *Config) { c.Secret = []byte("wrong") },
			"the server could not decrypt what it got: it has another key, or does not know the identity: alert decrypt_error",
			`the client has another key for the identity "pump"`,
		},
		{
			"unknown identity",
			func(c, _ *Config) { c.Identity = "nobody\n" },
			"the server could not decrypt what it got: it has another key, or does not know the identity: alert decrypt_error",
			`the identity "nobody\n" is not known: a stranger`,
		},
		{
			"identity without a key",
			func(_, s *Config) { s.Key = func(string) ([]byte, error) { return nil, nil } },
			"the server could not decrypt what it got: it has another key, or does not know the identity: alert decrypt_error",
			`the identity "pump" is not known: there is no usable key`,
		},
		{
			"nothing in common",
			func(c, s *Config) {
				c.Suites, s.Suites = []Suite{PSKWithAES128CCM}, []Suite{PSKWithAES128GCMSHA256}
			},
			"the server found no cipher suite in common, or expects a certificate instead of a pre-shared key: alert handshake_failure",
			"the client offers no cipher suite that is allowed here",
		},
		{
			"client without a key",
			func(c, _ *Config) { c.Secret = nil },
			"there is no key",
			"the client closed the connection without a word: unexpected EOF",
		},
		{
			"identity too long",
			func(c, _ *Config) { c.Identity = strings.Repeat("x", 257) },
			"the identity has 257 bytes, at most 256 are possible",
			"the client closed the connection without a word: unexpected EOF",
		},
		{
			"server without keys",
			func(_, s *Config) { s.Key = nil },
			"", // it may find the connection closed before it has said anything
			"nothing knows the keys",
		},
		{
			"a suite of somebody else",
			func(c, _ *Config) { c.Suites = []Suite{0x1301} },
			"cipher suite 0x1301 is not one of this package's",
			"the client closed the connection without a word: unexpected EOF",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, s := clientConfig(), serverConfig()
			test.change(&c, &s)
			a, b := memnet.Pipe(1 << 16)
			client, server := Client(a, c), Server(b, s)
			clientErr, serverErr := both(client, server)
			const front = "handshake of TLS with a pre-shared key: "
			if got := fmt.Sprint(clientErr); got != front+test.client && (test.client != "" || clientErr == nil) {
				t.Errorf("client: got %s\nwant %s", got, test.client)
			}
			if got := fmt.Sprint(serverErr); got != front+test.server {
				t.Errorf("server: got %s\nwant %s", got, test.server)
			}
			if _, err := client.Write([]byte("x")); !errors.Is(err, clientErr) {
				t.Errorf("write after it: %v", err)
			}
			if server.State() != (State{}) {
				t.Errorf("a state without a handshake: %+v", server.State())
			}
		})
	}
}

// TestWrongKeyAndUnknownIdentityLookAlike compares all that a client sees.
func TestWrongKeyAndUnknownIdentityLookAlike(t *testing.T) {
	t.Parallel()
	var seen [2][]int
	for i, change := range []func(*Config){
		func(c *Config) { c.Secret = []byte("wrong") },
		func(c *Config) { c.Identity = "gump" },
	} {
		config := clientConfig()
		change(&config)
		a, b := memnet.Pipe(1 << 16)
		record := &recorder{Conn: a}
		client, server := Client(record, config), Server(b, serverConfig())
		both(client, server)
		seen[i] = record.reads
	}
	if fmt.Sprint(seen[0]) != fmt.Sprint(seen[1]) || len(seen[0]) == 0 {
		t.Errorf("a wrong key looks like %v, an unknown identity like %v", seen[0], seen[1])
	}
}

// recorder keeps the lengths of what was read.
type recorder struct {
	net.Conn
	reads []int
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.reads = append(r.reads, n)
	return n, err
}

// slow is a connection that brings and takes a byte at a time.
type slow struct {
	net.Conn
	r io.Reader
}

func (s slow) Read(b []byte) (int, error) { return s.r.Read(b) }

func (s slow) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := s.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func TestByteAtATime(t *testing.T) {
	t.Parallel()
	a, b := memnet.Pipe(1 << 16)
	client := Client(slow{a, iotest.OneByteReader(a)}, clientConfig())
	server := Server(slow{b, iotest.OneByteReader(b)}, serverConfig())
	if clientErr, serverErr := both(client, server); clientErr != nil || serverErr != nil {
		t.Fatalf("client: %v; server: %v", clientErr, serverErr)
	}
	defer client.Close()
	defer server.Close()
	echo(t, client, server)
}

// TestDeadlines: a read goes on after its deadline, in the middle of a record too.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, wire := memnet.Pipe(1 << 16)
		relay, b := memnet.Pipe(1 << 16)
		var wg sync.WaitGroup
		wg.Go(func() { // a byte a second from server to client, once the handshake is over
			buf := make([]byte, 1)
			for n := 0; ; n++ {
				if _, err := relay.Read(buf); err != nil {
					wire.Close()
					return
				}
				if n > 200 {
					time.Sleep(time.Second)
				}
				wire.Write(buf)
			}
		})
		wg.Go(func() { io.Copy(relay, wire); relay.Close() })
		client, server := Client(a, clientConfig()), Server(b, serverConfig())
		if clientErr, serverErr := both(client, server); clientErr != nil || serverErr != nil {
			t.Fatalf("client: %v; server: %v", clientErr, serverErr)
		}
		if _, err := server.Write(bytes.Repeat([]byte("x"), 300)); err != nil {
			t.Fatal(err)
		}
		timeouts, got := 0, make([]byte, 300)
		for n := 0; n < len(got); {
			client.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
			m, err := client.Read(got[n:])
			if isTimeout(err) {
				timeouts++
			} else if err != nil {
				t.Fatal(err)
			}
			n += m
		}
		if timeouts < 50 || !bytes.Equal(got, bytes.Repeat([]byte("x"), 300)) {
			t.Errorf("%d timeouts, got %q", timeouts, got)
		}
		client.Close()
		server.Close()
		wg.Wait()
	})
}

func TestWriteDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe(4096)
		client, server := Client(a, clientConfig()), Server(b, serverConfig())
		both(client, server)
		client.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := client.Write(make([]byte, 1<<16)); !isTimeout(err) {
			t.Errorf("got %v, want a timeout", err)
		}
		client.SetWriteDeadline(time.Time{})
		if _, err := client.Write([]byte("x")); !isTimeout(err) {
			t.Errorf("a write after half a record: %v", err)
		}
		client.Close()
		server.Close()
	})
}

func TestHandshakeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe(1 << 16)
		defer b.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := Server(a, serverConfig()).HandshakeContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("gave up after %v", took)
		}
	})
}

// TestCloseBesideAWriteThatIsStuck: the peer reads nothing, and Close does not wait.
func TestCloseBesideAWriteThatIsStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe(4096)
		client, server := Client(a, clientConfig()), Server(b, serverConfig())
		both(client, server)
		done := make(chan error)
		go func() {
			_, err := client.Write(make([]byte, 1<<16))
			done <- err
		}()
		synctest.Wait()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err == nil {
			t.Error("the write had no error")
		}
		if err := client.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the second Close: %v", err)
		}
		server.Close()
	})
}

func TestCloseWrite(t *testing.T) {
	t.Parallel()
	client, server := connect(t, clientConfig(), serverConfig())
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("x")); err == nil {
		t.Error("a write after goodbye had no error")
	}
	if b, err := io.ReadAll(server); err != nil || len(b) > 0 {
		t.Errorf("server: %q, %v", b, err)
	}
	if _, err := server.Write([]byte("late")); err != nil {
		t.Error(err)
	}
	server.Close()
	if b, err := io.ReadAll(client); err != nil || string(b) != "late" {
		t.Errorf("client: %q, %v", b, err)
	}
}

// TestTruncated: an end without goodbye is an error, in a record and between two.
func TestTruncated(t *testing.T) {
	t.Parallel()
	for _, half := range []string{"", "\x17\x03\x03", "\x17\x03\x03\x00\x40abc"} {
		client, server := connect(t, clientConfig(), serverConfig())
		io.WriteString(client.NetConn(), half)
		client.NetConn().Close()
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "close_notify") {
			t.Errorf("after %q: %v", half, err)
		}
	}
}

// TestHostileRecords: what a peer without the key can put into a connection.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, bytes string
		want        Alert
	}{
		{"not sealed", "\x17\x03\x03\x00\x03abc", BadRecordMAC},
		{"sealed otherwise", "\x17\x03\x03\x00\x20" + strings.Repeat("x", 32), BadRecordMAC},
		{"too long", "\x17\x03\x03\x48\x01", RecordOverflow},
		{"old version", "\x17\x03\x01\x00\x20" + strings.Repeat("x", 32), ProtocolVersion},
		{"no type", "\x63\x03\x03\x00\x20" + strings.Repeat("x", 32), UnexpectedMessage},
		{"plain alert", "\x15\x03\x03\x00\x02\x01\x00", BadRecordMAC},
		{"plain ChangeCipherSpec", "\x14\x03\x03\x00\x01\x01", BadRecordMAC},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client, server := connect(t, clientConfig(), serverConfig())
			io.WriteString(client.NetConn(), test.bytes)
			_, err := server.Read(make([]byte, 1))
			var alert Alert
			if !errors.As(err, &alert) || alert != test.want {
				t.Errorf("server: %v, want %v", err, test.want)
			}
			if _, again := server.Read(make([]byte, 1)); !errors.Is(again, err) {
				t.Errorf("the second read: %v", again)
			}
			if _, err := server.Write([]byte("x")); err == nil {
				t.Error("a write after a fatal alert had no error")
			}
			if _, err := client.Read(make([]byte, 1)); !errors.As(err, &alert) || alert != test.want {
				t.Errorf("client: %v, want %v", err, test.want)
			}
		})
	}
}

// TestUseless: a peer that has the key, but brings nothing.
func TestUseless(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		kind   recordType
		b      string
		server string
	}{
		{"empty records", recordData, "", "17 records in a row brought nothing"},
		{"warnings", recordAlert, "\x01\x5a", "17 records in a row brought nothing"},
		{"renegotiation", recordHandshake, "\x01\x00\x00\x00", "17 records in a row brought nothing"},
		{"another message", recordHandshake, "\x0b\x00\x00\x00", "got Certificate after the handshake"},
		{"half an alert", recordAlert, "\x02", "an alert has 1 bytes, want 2"},
		{"an alert of no level", recordAlert, "\x07\x07", "an alert has the level 7"},
		{"ChangeCipherSpec", recordChangeCipherSpec, "\x01", "a record of type 20 came after the handshake"},
		{"an empty alert", recordAlert, "", "a record is empty"},
		{"an alert", recordAlert, "\x02\x2e", "the client ended the connection: alert certificate_unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client, server := connect(t, clientConfig(), serverConfig())
			for range maxUseless + 1 {
				client.out.append(test.kind, []byte(test.b))
			}
			client.out.flush()
			if _, err := server.Read(make([]byte, 1)); fmt.Sprint(err) != test.server {
				t.Errorf("got %v, want %s", err, test.server)
			}
		})
	}
}

// TestWhatDoesNotSpeakTLS: the first bytes tell what a peer takes us for.
func TestWhatDoesNotSpeakTLS(t *testing.T) {
	t.Parallel()
	for first, want := range map[string]string{
		"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00": "the client speaks MQTT without TLS",
		"GET /mqtt HTTP/1.1\r\n":                       "the client speaks HTTP without TLS",
		"SSH-2.0-OpenSSH\r\n":                          "the client does not speak TLS: it began with the bytes 53 53 48 2d 32",
		"\x80\x2e\x01\x00\x02":                         "the client speaks SSL 2, which is not secure",
	} {
		a, b := memnet.Pipe(1 << 16)
		io.WriteString(a, first)
		if err := Server(b, serverConfig()).Handshake(); !strings.HasSuffix(fmt.Sprint(err), want) {
			t.Errorf("%q: got %v, want %s", first, err, want)
		}
		a.Close()
	}
}
