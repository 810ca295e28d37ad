package dial_test

import (
	"errors"
	"net"
	"testing"

	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/internal/psk"
)

// pskListener makes a TLS server with pre-shared keys of each connection.
type pskListener struct{ net.Listener }

func (l pskListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return psk.Server(conn, psk.Config{Key: func(identity string) ([]byte, error) {
		if identity != "pump" {
			return nil, errors.New("it is not in the file")
		}
		return []byte("secret"), nil
	}}), nil
}

func listenPSK(t *testing.T) pskListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return pskListener{l}
}

func TestPSK(t *testing.T) {
	t.Parallel()
	l := listenPSK(t)
	serveMQTT(t, l)
	converse(t, dial.Options{Port: port(l), PSK: &dial.PSK{Identity: "pump", Key: []byte("secret")}})
	converse(t, dial.Options{Port: port(l), PSK: &dial.PSK{Identity: "pump", Key: []byte("secret"), Ciphers: "PSK-AES128-CBC-SHA256:AES128-SHA"}})
}

func TestPSKErrors(t *testing.T) {
	t.Parallel()
	secure, plain := listenPSK(t), echo(t, "tcp", "127.0.0.1:0")
	serveMQTT(t, secure)
	for _, test := range []struct {
		name  string
		o     dial.Options
		stage dial.Stage
		says  string
	}{
		{
			"wrong key",
			dial.Options{Port: port(secure), PSK: &dial.PSK{Identity: "pump", Key: []byte("wrong")}},
			dial.AtTLS,
			`TLS with localhost and the key of "pump": the server could not decrypt what it got: it has another key, or does not know the identity`,
		},
		{"unknown identity", dial.Options{Port: port(secure), PSK: &dial.PSK{Identity: "fan", Key: []byte("secret")}}, dial.AtTLS, "does not know the identity"},
		{"no TLS", dial.Options{Port: port(plain), PSK: &dial.PSK{Identity: "pump", Key: []byte("secret")}}, dial.AtTLS, `the key of "pump": `},
		{"no key", dial.Options{Port: port(secure), PSK: &dial.PSK{Identity: "pump"}}, dial.AtTLS, "there is no key"},
		{"no suites", dial.Options{PSK: &dial.PSK{Ciphers: "AES128-SHA"}}, dial.AtSettings, "no suite with a pre-shared key"},
		{"not a list", dial.Options{PSK: &dial.PSK{Ciphers: "NONSENSE"}}, dial.AtSettings, "NONSENSE"},
		{"both", dial.Options{PSK: &dial.PSK{}, TLS: &dial.TLS{}}, dial.AtSettings, "not by both"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, test.o)
			expectError(t, err, test.stage, test.says)
		})
	}
}
