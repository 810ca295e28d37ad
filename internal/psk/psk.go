package psk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
)

// Config is what a side of a connection needs to know. It must not be changed
// while a Conn uses it; any number of them may.
type Config struct {
	// Suites are the cipher suites that may be agreed on, the best first.
	// Empty: all of Suites().
	Suites []Suite

	// Identity and Secret are a client's name for the key and the key itself:
	// up to 256 and from 1 to 512 bytes.
	Identity string
	Secret   []byte
	// ServerName is the host name that a client sends, for proxies that look at it.
	ServerName string

	// Key is a server's: it returns the key of an identity, which is whatever a
	// stranger has sent and may be any bytes. After an error, or no key, the
	// handshake goes on with a random key and fails as it does for a wrong one:
	// the client is not told which of the two it was, the error of the handshake
	// tells. It is called by many goroutines at once.
	Key func(identity string) ([]byte, error)
	// Hint is what a server sends to help a client choose a key; empty: nothing.
	Hint string

	// KeyLog gets what decrypts a recorded connection, in the format of NSS, if
	// it is not nil. It is called by many goroutines at once.
	KeyLog io.Writer
}

// State is what a handshake has agreed on.
type State struct {
	Suite                Suite
	Identity             string // of the client, proven by its key
	Hint                 string // the server's
	ExtendedMasterSecret bool   // RFC 7627
	EncryptThenMAC       bool   // RFC 7366; for CBC suites only
	MaxRecordBytes       int    // of content in the records of this side
}

// Client returns the client's end of a connection over conn. The handshake is
// done by the first Read, Write or Handshake.
func Client(conn net.Conn, config Config) *Conn {
	return newConn(conn, config, "server", (*handshake).client)
}

// Server returns the server's end of a connection over conn. The handshake is
// done by the first Read, Write or Handshake.
func Server(conn net.Conn, config Config) *Conn {
	return newConn(conn, config, "client", (*handshake).server)
}

func newConn(conn net.Conn, config Config, peer string, run func(*handshake) error) *Conn {
	if len(config.Suites) == 0 {
		config.Suites = Suites()
	}
	c := &Conn{conn: conn, config: config, run: run}
	c.in.peer = peer
	c.in.reader = bufio.NewReaderSize(conn, readAhead)
	c.out.conn = conn
	c.out.maxPlain = maxPlain
	return c
}

// check returns what makes the suites unusable.
func (c *Config) check() error {
	for _, id := range c.Suites {
		if _, ok := findSuite(id); !ok {
			return fmt.Errorf("%v is not one of this package's", id)
		}
	}
	return nil
}

func (c *Config) checkClient() error {
	switch {
	case len(c.Secret) == 0:
		return errors.New("there is no key")
	case len(c.Secret) > maxKey:
		return fmt.Errorf("the key has %d bytes, at most %d are possible", len(c.Secret), maxKey)
	case len(c.Identity) > maxIdentity:
		return fmt.Errorf("the identity has %d bytes, at most %d are possible", len(c.Identity), maxIdentity)
	case len(c.ServerName) > 255:
		return fmt.Errorf("the server name has %d bytes, at most 255 are possible", len(c.ServerName))
	}
	return c.check()
}

func (c *Config) checkServer() error {
	switch {
	case c.Key == nil:
		return errors.New("nothing knows the keys")
	case len(c.Hint) > maxHint:
		return fmt.Errorf("the hint has %d bytes, at most %d are possible", len(c.Hint), maxHint)
	}
	return c.check()
}
