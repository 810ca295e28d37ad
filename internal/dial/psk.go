package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/zancudomq/zancudo/internal/ciphers"
	"github.com/zancudomq/zancudo/internal/psk"
)

// layer returns the layer of a TLS client with a pre-shared key.
func (p *PSK) layer() (layer, error) {
	suites, err := p.suites()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, conn net.Conn, host string, _ int) (net.Conn, error) {
		config := psk.Config{Identity: p.Identity, Secret: p.Key, Suites: suites}
		if net.ParseIP(host) == nil { // an address is no server name
			config.ServerName = host
		}
		secure := psk.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, &Error{Stage: AtTLS, Text: fmt.Sprintf("TLS with %s and the key of %q", host, p.Identity), Err: p.explain(err)}
		}
		return secure, nil
	}, nil
}

// suites are those that Ciphers lists; nil: all there are.
func (p *PSK) suites() ([]psk.Suite, error) {
	if p.Ciphers == "" {
		return nil, nil
	}
	list, err := ciphers.Parse(p.Ciphers)
	if err != nil {
		return nil, &Error{Text: err.Error()}
	}
	known := psk.Suites()
	var suites []psk.Suite
	for _, id := range list.PSK {
		for _, s := range known {
			if s == psk.Suite(id) {
				suites = append(suites, s)
			}
		}
	}
	if len(suites) == 0 {
		return nil, &Error{Text: fmt.Sprintf("cipher list %q: it has no suite with a pre-shared key", p.Ciphers)}
	}
	return suites, nil
}

// explain says in words for a person why a handshake failed.
func (p *PSK) explain(err error) error {
	var alert psk.Alert
	switch {
	case errors.As(err, &alert):
		return errors.Unwrap(err) // a sentence; Text says the rest
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &explained{"the server did not finish the handshake in time; perhaps it does not speak TLS on this port", err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &explained{"the server closed the connection during the handshake; perhaps it does not speak TLS on this port", err}
	}
	return err
}
