package dial

import (
	"net"
	"net/http"
	"strconv"
)

// The ports of Options.Port zero.
const (
	DefaultPort    = 1883
	DefaultTLSPort = 8883
)

// Options say where a server is and what lies between. The zero value is TCP to
// port 1883 of localhost.
type Options struct {
	// Host is a name or an IP address; empty: localhost.
	Host string
	// Port is 1883 if zero, and 8883 with TLS or PSK.
	Port int
	// Unix is the path of a unix socket, to be used instead of Host and Port.
	Unix string
	// SRV has the DNS asked for the servers of the domain Host: its records
	// _mqtt._tcp, or _secure-mqtt._tcp with TLS or PSK. All are tried, in the
	// order of their priorities and weights. Port is not used.
	SRV bool

	// LocalAddress is the address or host name to connect from; empty: any.
	LocalAddress string
	// Delay lets the kernel wait for more before it sends a small packet.
	Delay bool
	// Proxy is a SOCKS5 proxy to go through; nil: none.
	Proxy *Proxy

	// TLS protects the connection; nil: it is not, or by PSK.
	TLS *TLS
	// PSK protects the connection with a key that both sides have, in the
	// place of TLS.
	PSK *PSK
	// WebSocket carries MQTT in WebSocket frames; nil: it is not carried.
	WebSocket *WebSocket

	// Resolver looks up names; nil: net.DefaultResolver.
	Resolver *net.Resolver
}

// TLS says whom to trust and who one is. The zero value trusts the roots of
// the system.
type TLS struct {
	// CAFile has certificates of authorities, in PEM.
	CAFile string
	// CADir is a directory of such files: *.pem, *.crt, *.cer, and the names
	// of hashes that openssl rehash makes.
	CADir string
	// SystemRoots adds the roots of the system to CAFile and CADir. Without
	// either they are what is trusted anyway.
	SystemRoots bool

	// CertFile and KeyFile are the certificate to show, with those of its
	// intermediate authorities, and its key.
	CertFile, KeyFile string
	// Passphrase is asked for the pass phrase of an encrypted key; nil: such a
	// key is an error.
	Passphrase func(file string) ([]byte, error)

	// ServerName is what the server's certificate must be for; empty: the host.
	ServerName string
	// Insecure trusts any certificate: of whomever, for whatever, expired or not.
	Insecure bool

	// MinVersion is the least version: tlsv1.3, tlsv1.2 or tlsv1.1; empty: tlsv1.2.
	MinVersion string
	// Ciphers is a list of cipher suites in the language of OpenSSL, for
	// TLS 1.2 and below; empty: Go's choice.
	Ciphers string
	// ALPN are the protocols to offer, the best first.
	ALPN []string
	// KeyLogFile gets the secrets of each connection appended, for programs
	// that look into it.
	KeyLogFile string
}

// PSK is an identity and the key that the server knows for it.
type PSK struct {
	Identity string
	Key      []byte
	// Ciphers is a list of TLS-PSK suites in the language of OpenSSL; empty:
	// all there are.
	Ciphers string
}

// WebSocket says what to ask an HTTP server for.
type WebSocket struct {
	// Path is /mqtt if empty.
	Path string
	// Header is sent along: cookies, authorization.
	Header http.Header
	// Subprotocol is mqtt if empty; MQTT 3.1 has mqttv3.1.
	Subprotocol string
}

// host is the host to reach.
func (o *Options) host() string {
	if o.Host == "" {
		return "localhost"
	}
	return o.Host
}

// secure reports whether the connection is to be protected.
func (o *Options) secure() bool { return o.TLS != nil || o.PSK != nil }

// port is the port to reach.
func (o *Options) port() int {
	switch {
	case o.Port != 0:
		return o.Port
	case o.secure():
		return DefaultTLSPort
	}
	return DefaultPort
}

// Address is where a connection goes, for a person: a host and port, the path
// of a unix socket, or a domain.
func (o *Options) Address() string {
	switch {
	case o.Unix != "":
		return o.Unix
	case o.SRV:
		return o.host()
	}
	return net.JoinHostPort(o.host(), strconv.Itoa(o.port()))
}
