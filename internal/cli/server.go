package cli

import (
	"encoding/hex"
	"strings"

	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/internal/flags"
)

// server is where a broker is and how to get there, as the command line says it.
type server struct {
	host      string
	port      int // 0: not said
	unix      string
	bind      string
	srv       bool
	webSocket bool
	proxy     *dial.Proxy

	noTLS                  bool
	caFile, caDir          string
	systemRoots            bool
	certFile, keyFile      string
	keyForm                string
	engine, enginePassHash string
	insecure               bool
	tlsVersion             string
	ciphers, alpn, keyLog  string
	pskIdentity, pskHex    string
	passphrase             func(file string) ([]byte, error)
}

// serverFlags are those that find the server.
func (s *server) serverFlags() []flags.Flag {
	return []flags.Flag{
		{Names: "-h, --host", Value: "host", Help: "the broker, by name or address (localhost)", Set: flags.With(s.setHost)},
		{
			Names: "-p, --port", Value: "port", Help: "its port (1883, with TLS 8883)", Invalid: "Invalid port given: %s", Set: flags.With(s.setPort),
			More: "Port 8883 means TLS, with the certificates of the system if no others are named.",
		},
		{Names: "--unix", Value: "socket path", Help: "a unix socket in the place of host and port", Completes: flags.File, Set: flags.With(s.setUnix)},
		{Names: "--ws", Help: "talk WebSocket", Set: flags.True(&s.webSocket)},
		{Names: "-S", Help: "ask the DNS for the servers of the domain that -h names", Set: flags.True(&s.srv)},
		{Names: "-A", Value: "address", Help: "connect from this address of the machine", Set: flags.Text(&s.bind)},
		{
			Names: "--proxy", Value: "proxy url", Help: "a SOCKS5 proxy to go through: socks5h://[user[:password]@]host[:port]", Set: flags.With(s.setProxy),
		},
		{Names: "--nodelay", Help: "send at once; always so here", Set: flags.Do(func() error { return nil })},
	}
}

func (s *server) setHost(v string) error {
	s.host, s.unix = v, ""
	return nil
}

// setPort takes 0 as Mosquitto's tools do, to which it says that the host is
// the path of a unix socket.
func (s *server) setPort(v string) error {
	if v == "0" && s.host != "" {
		s.unix = s.host
		return nil
	}
	return flags.Int(&s.port, 1, 65535)([]string{v})
}

func (s *server) setUnix(v string) error {
	s.unix = v
	return nil
}

func (s *server) setProxy(v string) error {
	if scheme, _, _ := strings.Cut(v, "://"); !strings.EqualFold(scheme, "socks5h") && !strings.EqualFold(scheme, "socks5") {
		return flags.Errorf("Unsupported proxy protocol: %s; it begins with socks5h://.", v)
	}
	p, err := dial.ParseProxy(v)
	if err != nil {
		return flags.Errorf("Invalid proxy. %s.", capital(err.Error()))
	}
	s.proxy = p
	return nil
}

// tlsFlags are those that protect the connection.
func (s *server) tlsFlags() []flags.Flag {
	return []flags.Flag{
		{Names: "--cafile", Value: "file", Help: "certificates of the authorities to trust", Completes: flags.File, Set: flags.Text(&s.caFile)},
		{Names: "--capath", Value: "directory", Help: "a directory of such files", Completes: flags.Directory, Set: flags.Text(&s.caDir)},
		{Names: "--tls-use-os-certs", Help: "trust the authorities of the system", Set: flags.True(&s.systemRoots)},
		{Names: "--cert", Value: "file", Help: "the certificate to show; with --key", Completes: flags.File, Set: flags.Text(&s.certFile)},
		{Names: "--key", Value: "file", Help: "its key; with --cert", Completes: flags.File, Set: flags.Text(&s.keyFile)},
		{Names: "--keyform", Value: "keyform", Help: "of the key: pem; engines are not supported", Set: flags.Text(&s.keyForm)},
		{
			Names: "--insecure", Help: "trust anybody; do not use it where it matters", Set: flags.True(&s.insecure),
			More: "Neither the name nor the authority nor the dates of the certificate are looked at.",
		},
		{Names: "--tls-version", Value: "version", Help: "the least: tlsv1.3, tlsv1.2 or tlsv1.1 (tlsv1.2)", Set: flags.Text(&s.tlsVersion)},
		{Names: "--ciphers", Value: "ciphers", Help: "the suites to offer, as OpenSSL lists them", Set: flags.Text(&s.ciphers)},
		{Names: "--tls-alpn", Value: "protocol", Help: "the application protocol to offer", Set: flags.Text(&s.alpn)},
		{
			Names: "--tls-keylog", Value: "file", Help: "append the secrets of the connection to a file, for Wireshark", Completes: flags.File, Set: flags.Text(&s.keyLog),
		},
		{Names: "--psk", Value: "key", Help: "a pre-shared key in hexadecimal digits, in the place of certificates", Set: flags.Text(&s.pskHex)},
		{Names: "--psk-identity", Value: "identity", Help: "whose key that is", Set: flags.Text(&s.pskIdentity)},
		{Names: "--no-tls", Help: "ignore all of these, which may stand in an options file", Set: flags.True(&s.noTLS)},
		{Names: "--tls-engine", Value: "engine_id", Help: "an engine of OpenSSL: not supported", Hidden: true, Set: flags.Text(&s.engine)},
		{Names: "--tls-engine-kpass-sha1", Value: "kpass sha1", Help: "of such an engine: not supported", Hidden: true, Set: flags.Text(&s.enginePassHash)},
	}
}

// checkTLS finds what does not belong together.
func (s *server) checkTLS() error {
	switch {
	case (s.certFile == "") != (s.keyFile == ""):
		return flags.Errorf("Both certfile and keyfile must be provided if one of them is set.")
	case s.keyForm != "" && s.keyFile == "":
		return flags.Errorf("If keyform is set, keyfile must be also specified.")
	case s.enginePassHash != "" && (s.keyForm == "" || s.engine == ""):
		return flags.Errorf("when using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided.")
	case (s.caFile != "" || s.caDir != "") && s.pskHex != "":
		return flags.Errorf("Only one of --psk or --cafile/--capath may be used at once.")
	case s.pskHex != "" && s.pskIdentity == "":
		return flags.Errorf("--psk-identity required if --psk used.")
	}
	return nil
}

// A settingError is a server's setting that cannot be used, in a sentence for
// the user. It is no usageError: Mosquitto's tools do not point to the help.
type settingError string

func (e settingError) Error() string { return string(e) }

// dial are the options that the settings stand for. Mosquitto's tools talk TLS
// when they are told whom to trust, and to port 8883.
func (s *server) dial() (*dial.Options, error) {
	o := &dial.Options{Host: s.host, Port: s.port, Unix: s.unix, SRV: s.srv, LocalAddress: s.bind, Proxy: s.proxy}
	if s.webSocket {
		o.WebSocket = &dial.WebSocket{}
	}
	switch {
	case s.noTLS:
		return o, nil
	case s.engine != "":
		return nil, settingError("Problem setting TLS engine, is " + s.engine + " a valid engine? Engines of OpenSSL are not supported; give the key in a file with --key.")
	case s.keyForm == "engine":
		return nil, settingError("Problem setting key form: engine; engines of OpenSSL are not supported. Leave --keyform out and give the key in a PEM file.")
	case s.keyForm != "" && s.keyForm != "pem":
		return nil, settingError("Problem setting key form, it must be one of 'pem' or 'engine'.")
	case s.pskHex != "":
		return o, s.dialPSK(o)
	case s.caFile != "", s.caDir != "", s.systemRoots, s.port == dial.DefaultTLSPort:
		s.dialTLS(o)
	}
	return o, nil
}

func (s *server) dialPSK(o *dial.Options) error {
	digits := s.pskHex
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	key, err := hex.DecodeString(digits)
	if err != nil {
		return settingError("Problem setting TLS-PSK options. --psk takes hexadecimal digits.")
	}
	o.PSK = &dial.PSK{Identity: s.pskIdentity, Key: key, Ciphers: s.ciphers}
	return nil
}

func (s *server) dialTLS(o *dial.Options) {
	o.TLS = &dial.TLS{
		CAFile: s.caFile, CADir: s.caDir, SystemRoots: s.systemRoots, CertFile: s.certFile, KeyFile: s.keyFile,
		Passphrase: s.passphrase, Insecure: s.insecure, MinVersion: s.tlsVersion, Ciphers: s.ciphers, KeyLogFile: s.keyLog,
	}
	if s.alpn != "" {
		o.TLS.ALPN = []string{s.alpn}
	}
}
