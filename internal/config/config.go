package config

import (
	"fmt"
	"time"
)

// Config is what a configuration says. Its numbers are those of the language,
// in which 0 or -1 often stands for no limit: see the row of each word.
type Config struct {
	File      string // the name it was read from; empty: none
	Listeners []*Listener
	Bridges   []*Bridge
	// LocalOnly says that nothing in the configuration opens the broker to the
	// network.
	LocalOnly bool
	// Warnings are what the reader should know, though nothing is wrong.
	Warnings Problems
	// Refusals are what this version cannot do and must not pass over.
	Refusals Problems
	// places are where words were given.
	places map[given]place

	// Security is for all listeners, unless PerListenerSettings.
	Security
	PerListenerSettings bool
	CheckRetainSource   bool
	CheckSessionOwner   bool
	ACLMode             string    // enforce, warn or learn
	ClientIDPrefixes    string    // empty: any
	GlobalPlugins       []*Plugin // of all listeners
	LoadedPlugins       []*Plugin // with a name, for the listeners that use them

	// The process.
	PIDFile          string
	User             string // to become when started as root; empty: mosquitto, or nobody
	SysInterval      int    // seconds
	EnableControlAPI bool
	SetTCPNoDelay    bool
	PacketBufferSize int // bytes
	MemoryLimit      int // bytes

	// Persistence.
	Persistence         bool
	PersistenceFile     string
	PersistenceLocation string // empty: the working directory
	PersistenceSync     Sync
	AutosaveInterval    int // seconds
	AutosaveOnChanges   bool

	// Limits.
	MaxInflightMessages  int
	MaxInflightBytes     int
	MaxQueuedMessages    int
	MaxQueuedBytes       int
	MaxPacketSize        int
	MessageSizeLimit     int
	MaxKeepAlive         int // seconds
	GlobalMaxConnections int
	GlobalMaxClients     int

	// Messages and sessions.
	AllowDuplicateMessages     bool
	QueueQoS0Messages          bool
	RetainAvailable            bool
	RetainExpiryInterval       int // minutes
	RetryInterval              int
	UpgradeOutgoingQoS         bool
	PersistentClientExpiration time.Duration // zero: never

	Log                Log
	WebSocketsLogLevel int
}

// Listener is one listener of a Config.
type Listener struct {
	Port       int    // 0: a unix socket
	Address    string // empty: all
	SocketPath string // of a unix socket
	File       string // where it begins
	Line       int    // 0: nowhere
	Settings
	// Security is that of this listener, if PerListenerSettings: see
	// Config.SecurityOn.
	Security Security
	// WebSocketsOrigins are the origins of web pages that are let in; none: all.
	WebSocketsOrigins Texts
	// WebSocketsProxy are addresses and networks of proxies, with blanks between them.
	WebSocketsProxy string
	// AdditionalCertificates are the files of further certificates, and of their keys.
	AdditionalCertificates Texts
	UsePlugins             Texts // by the names of LoadedPlugins
}

// Settings are the words that belong to a listener and have one value. Two of
// them can be compared with ==.
type Settings struct {
	BindInterface string
	SocketDomain  string // ipv4, ipv6 or empty for both
	SocketMode    string // of a unix socket, in octal digits; empty: as the umask
	SocketOwner   string // of a unix socket; empty: the process
	SocketName    string // of sockets that systemd has opened; empty: by their address
	Protocol      string // mqtt, websockets or http_api
	HTTPDir       string
	MountPoint    string

	AllowAnonymous        *bool  // nil: as the Security
	AutoIDPrefix          string // empty: as the Security
	UseUsernameAsClientID bool

	Versions            Versions
	MaxConnections      int
	MaxQoS              int
	MaxTopicAlias       int
	MaxTopicAliasBroker int

	EnableProxyProtocol       int // the version; 0: none
	ProxyProtocolV2RequireTLS bool

	TLS TLS
}

// TLS are the words of a listener that are about TLS, which is on if it has a
// CertFile or a PSKHint.
type TLS struct {
	CertFile, KeyFile string
	CAFile, CAPath    string // of clients
	CRLFile           string
	DHParamFile       string

	RequireCertificate          bool
	UseIdentityAsUsername       bool
	UseSubjectAsUsername        bool
	DisableClientCertDateChecks bool

	Version      string // the least: tlsv1.1, tlsv1.2 or tlsv1.3
	Ciphers      string // for TLS 1.2, in OpenSSL's language
	CiphersTLS13 string

	Engine            string
	KeyForm           string // pem or engine
	EngineKeyPassSHA1 string
	PSKHint           string
}

// On reports whether the listener speaks TLS.
func (t *TLS) On() bool { return t.CertFile != "" || t.PSKHint != "" }

// Security says who may connect and do what. It is that of all listeners or,
// with per_listener_settings, that of one.
type Security struct {
	AllowAnonymous          *bool // nil: only where Config.LocalOnly
	PasswordFile            string
	ACLFile                 string
	PSKFile                 string
	AllowZeroLengthClientID bool
	AutoIDPrefix            string
	Plugins                 []*Plugin
}

// Plugin is an add-on, of which this program has some built in.
type Plugin struct {
	Path             string
	Name             string // of a loaded plugin
	Options          []PluginOption
	DenySpecialChars bool
	File             string // where it begins
	Line             int
}

// PluginOption is a word of a plugin, without what it begins with.
type PluginOption struct{ Key, Value string }

// Option returns the last value of an option, or nothing.
func (p *Plugin) Option(key string) (value string) {
	for _, o := range p.Options {
		if o.Key == key {
			value = o.Value
		}
	}
	return value
}

// DefaultPort is the port of MQTT without TLS.
const DefaultPort = 1883

// New returns the configuration of an empty file: one listener on port 1883 of
// this machine only.
func New() *Config {
	c := &Config{LocalOnly: true}
	setDefaults(target{config: c, security: &c.Security}, Global, PerSecurity)
	c.Listeners = []*Listener{newListener(DefaultPort)}
	return c
}

func newListener(port int) *Listener {
	l := &Listener{Port: port}
	setDefaults(target{listener: l, security: &l.Security}, PerListener, DefaultListener, PerSecurity)
	return l
}

// SecurityOn returns the security words that apply to l.
func (c *Config) SecurityOn(l *Listener) *Security {
	if c.PerListenerSettings {
		return &l.Security
	}
	return &c.Security
}

// AnonymousOn reports whether clients without a name are welcome on l.
func (c *Config) AnonymousOn(l *Listener) bool {
	switch s := c.SecurityOn(l); {
	case l.AllowAnonymous != nil:
		return *l.AllowAnonymous
	case s.AllowAnonymous != nil:
		return *s.AllowAnonymous
	default:
		return c.LocalOnly
	}
}

// AutoIDPrefixOn returns what assigned client identifiers begin with on l.
func (c *Config) AutoIDPrefixOn(l *Listener) string {
	if l.AutoIDPrefix != "" {
		return l.AutoIDPrefix
	}
	return c.SecurityOn(l).AutoIDPrefix
}

// String names the listener as a sentence does: port 1883 of 192.168.1.2.
func (l *Listener) String() string {
	switch {
	case l.Port == 0 && l.SocketPath != "":
		return "the unix socket " + l.SocketPath
	case l.Address != "":
		return fmt.Sprintf("port %d of %s", l.Port, l.Address)
	default:
		return fmt.Sprintf("port %d", l.Port)
	}
}

// UsePorts has the broker listen on other ports of this machine, if nothing in
// the configuration opens it to the network.
func (c *Config) UsePorts(ports []int) {
	if len(ports) == 0 {
		return
	}
	if !c.LocalOnly {
		c.Warnings = append(c.Warnings, &Problem{
			Class: Pointless, Word: "-p", Text: "-p is ignored, because the configuration has a listener",
		})
		return
	}
	model := *c.Listeners[0]
	c.Listeners = nil
	for _, port := range ports {
		l := model
		l.Port = port
		c.Listeners = append(c.Listeners, &l)
	}
}
