package cli

import (
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/zancudomq/zancudo/internal/auth"
	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// connection is what the command lines of pub, sub and rr have in common: where
// the broker is, and how to introduce oneself to it.
type connection struct {
	server
	optionsFile  string
	debug, quiet bool

	connect     packet.Connect
	idPrefix    string
	keepSession bool    // -c
	expiry      *uint32 // -x; nil: not given
	maxInflight int
	properties  properties
	scram       *auth.SCRAMClient // of --auth-method; nil: none

	will           packet.Will
	hasWillPayload bool

	// urlTopic takes the topic of -L.
	urlTopic func(topic, flag string) error
}

// newConnection is a connection about which nothing was said.
func newConnection() connection {
	return connection{connect: packet.Connect{Version: packet.V311, KeepAlive: 60}}
}

// groups are the flags of all tools.
func (c *connection) groups() []flags.Group {
	return []flags.Group{
		{Title: "Broker", Flags: append(append([]flags.Flag{c.urlFlag()}, c.serverFlags()...), c.userFlags()...)},
		{Title: "Session", Flags: c.sessionFlags()},
		{Title: "Will", Flags: c.willFlags()},
		{Title: "TLS", Flags: c.tlsFlags()},
		{Title: "Other", Flags: append([]flags.Flag{
			{
				Names: "-o", Value: "options file", Help: "read flags from a file, one a line", Completes: flags.File, Set: flags.With(c.setOptionsFile),
				More: "A line has a flag and, behind a blank, its value to the end of the line; one that begins with # is a comment. See FILES for where they are read from otherwise.",
			},
			{Names: "-d, --debug", Help: "show the packets", Set: flags.True(&c.debug)},
			{Names: "--quiet", Help: "print no errors", Set: flags.True(&c.quiet)},
		}, standardFlags()...)},
	}
}

func (c *connection) urlFlag() flags.Flag {
	return flags.Flag{
		Names: "-L, --url", Value: "URL", Help: "broker and topic: mqtt|mqtts|ws|wss://[user[:password]@]host[:port]/topic", Set: flags.With(c.setURL),
		More: "mqtts and wss talk TLS and trust the authorities of the system. The port is 1883, with TLS 8883, for ws and wss too.",
	}
}

func (c *connection) userFlags() []flags.Flag {
	return []flags.Flag{
		{Names: "-u, --username", Value: "username", Help: "user name", Set: flags.With(c.setUsername)},
		{Names: "-P, --pw", Value: "password", Help: "password", Set: flags.With(c.setPassword), More: "Whoever may list the processes of the machine can read it; an options file keeps it."},
		{
			Names: "--auth-method", Value: "method", Help: "prove to know the password instead of sending it: SCRAM-SHA-256; MQTT 5", Choices: []string{auth.SCRAMSHA256},
			Missing: "--auth-method argument given but no method specified.", Set: flags.With(c.setAuthMethod),
			More: "The broker needs to have the password hashed for it, as 'zancudo passwd -H scram-sha-256' does, and proves to know it as well.",
		},
	}
}

func (c *connection) sessionFlags() []flags.Flag {
	return []flags.Flag{
		{Names: "-i, --id", Value: "id", Help: "client identifier (the broker gives one)", Set: flags.With(c.setID)},
		{Names: "-I, --id-prefix", Value: "id prefix", Help: "client identifier: this and the process id", Set: flags.With(c.setIDPrefix)},
		{
			Names: "-c, --disable-clean-session", Help: "the broker shall keep the session; needs -i", Set: flags.True(&c.keepSession),
			More: "Subscriptions and messages of QoS 1 and 2 then wait there for the client, with MQTT 5 for ever unless -x says otherwise.",
		},
		{
			Names: "-x", Value: "session expiry interval", Help: "seconds that the broker keeps the session, -1: for ever; MQTT 5", Set: flags.With(c.setExpiry),
		},
		{
			Names: "-k, --keepalive", Value: "keepalive", Help: "seconds, 5 to 65535 (60)", Set: flags.With(c.setKeepAlive),
		},
		{
			Names: "-M", Value: "max inflight", Help: "messages of QoS 1 and 2 under way at a time (20)",
			Missing: "-M argument given but max_inflight not specified.",
			Invalid: "Maximum inflight messages must be greater than 0.", Set: flags.Int(&c.maxInflight, 1, 65535),
		},
		{
			Names: "-V, --protocol-version", Value: "version", Help: "of MQTT: mqttv31, mqttv311 or mqttv5; also 31, 311, 5 (mqttv311; rr: mqttv5)",
			Choices: []string{"mqttv5", "mqttv311", "mqttv31", "5", "311", "31"},
			Missing: "--protocol-version argument given but no version specified.",
			Invalid: "Invalid protocol version argument given. It is %s.", Set: flags.With(c.setVersion),
		},
		{
			Names: "-D, --property", Value: "command, name, value", Help: "a property of MQTT 5, as connect receive-maximum 5",
			Count: countProperty, Missing: "--property argument given but not enough arguments specified.", Set: c.setProperty,
			More: propertyHelp(),
		},
	}
}

func (c *connection) willFlags() []flags.Flag {
	return []flags.Flag{
		{
			Names: "--will-topic", Value: "will topic", Help: "where the broker publishes when the connection is lost",
			Set: flags.With(func(v string) error {
				c.will.Topic = v
				return checkTopic(v, "will", "--will-topic", topic.ValidateName)
			}),
		},
		{Names: "--will-payload", Value: "will payload", Help: "what it publishes", Set: flags.With(c.setWillPayload)},
		{Names: "--will-qos", Value: "will QoS", Help: "its quality of service (0)", Invalid: "Invalid will QoS %s.", Set: flags.Int(&c.will.QoS, 0, 2)},
		{Names: "--will-retain", Help: "it is retained", Set: flags.True(&c.will.Retain)},
	}
}

func (c *connection) setOptionsFile(v string) error {
	if c.optionsFile != "" {
		return flags.Errorf("Duplicate -o argument given.")
	}
	c.optionsFile = v
	return nil
}

func (c *connection) setURL(v string) error {
	u, err := dial.ParseURL(v)
	scheme, _, _ := strings.Cut(v, "://")
	switch known := []string{"mqtt", "mqtts", "ws", "wss"}; {
	case !slices.Contains(known, strings.ToLower(scheme)) || !strings.Contains(v, "://"):
		return flags.Errorf("Unsupported URL scheme. It is %s, and may be mqtt, mqtts, ws or wss.", scheme)
	case err != nil:
		return flags.Errorf("Invalid URL for -L argument specified. %s.", capital(err.Error()))
	case !u.HasSlash:
		return flags.Errorf("Invalid URL for -L argument specified - topic missing. It follows the host, as in mqtt://host/topic.")
	}
	c.host, c.port, c.unix = u.Options.Host, u.Options.Port, ""
	c.systemRoots = c.systemRoots || u.Options.TLS != nil
	c.webSocket = c.webSocket || u.Options.WebSocket != nil
	if u.HasUsername {
		c.connect.Username, c.connect.HasUsername = u.Username, true
	}
	if u.HasPassword {
		c.connect.Password, c.connect.HasPassword = []byte(u.Password), true
	}
	return c.urlTopic(u.Topic, "-L topic")
}

func (c *connection) setUsername(v string) error {
	c.connect.Username, c.connect.HasUsername = v, true
	return nil
}

func (c *connection) setPassword(v string) error {
	c.connect.Password, c.connect.HasPassword = []byte(v), true
	return nil
}

func (c *connection) setAuthMethod(v string) error {
	c.connect.Version, c.connect.AuthenticationMethod = packet.V5, v
	c.scram = &auth.SCRAMClient{}
	return nil
}

// checkAuth settles how the client says who it is.
func (c *connection) checkAuth() error {
	k := &c.connect
	switch {
	case c.scram == nil && k.HasPassword && !k.HasUsername && k.Version != packet.V5:
		return settingError("Problem setting username and/or password. Before MQTT 5, -P needs -u.")
	case c.scram == nil:
		return nil
	case !k.HasUsername || !k.HasPassword:
		return flags.Errorf("--auth-method needs a user name and a password. Give them with -u and -P.")
	case k.Version != packet.V5:
		return flags.Errorf("--auth-method is of MQTT 5. Leave out -V.")
	}
	c.scram.User, c.scram.Password = k.Username, k.Password
	k.Password, k.HasPassword = nil, false
	return nil
}

var errTwoIDs = flags.Errorf("-i and -I argument cannot be used together.")

func (c *connection) setID(v string) error {
	if c.idPrefix != "" {
		return errTwoIDs
	}
	c.connect.ClientID = v
	return nil
}

func (c *connection) setIDPrefix(v string) error {
	if c.connect.ClientID != "" {
		return errTwoIDs
	}
	c.idPrefix = v
	return nil
}

// setExpiry takes what strtoll does, and infinity.
func (c *connection) setExpiry(v string) error {
	if v == "∞" || v == "-1" {
		v = "4294967295"
	}
	n, err := strconv.ParseInt(v, 0, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return flags.Errorf("session-expiry-interval not a number. It is %s; -x takes 0 to 4294967295 seconds, or -1.", v)
	case err != nil, n < 0, n > math.MaxUint32:
		return flags.Errorf("session-expiry-interval out of range. It is %s; -x takes 0 to 4294967295 seconds, or -1.", v)
	}
	c.expiry = new(uint32(n))
	c.connect.Version = packet.V5
	return nil
}

func (c *connection) setKeepAlive(v string) error {
	if flags.Int(&c.connect.KeepAlive, 5, 65535)([]string{v}) != nil {
		return flags.Errorf("Invalid keepalive given, it must be between 5 and 65535 inclusive. It is %s.", v)
	}
	return nil
}

func (c *connection) setVersion(v string) error {
	c.connect.Version = map[string]packet.Version{"31": packet.V31, "311": packet.V311, "5": packet.V5}[strings.TrimPrefix(v, "mqttv")]
	return nil
}

func (c *connection) setWillPayload(v string) error {
	c.will.Payload, c.hasWillPayload = []byte(v), true
	return nil
}

// checkTopic names a topic that is none, in Mosquitto's words.
func checkTopic(v, what, flag string, valid func(string) error) error {
	if !validUTF8(v) {
		return flags.Errorf("Malformed UTF-8 in %s argument.", flag)
	}
	if valid(v) == nil {
		return nil
	}
	if what == "publish" || what == "response" || what == "will" {
		return flags.Errorf("Invalid %s topic '%s', does it contain '+' or '#'? %s takes a topic name, of 1 to 65535 bytes.", what, v, flag)
	}
	return flags.Errorf("Invalid %s topic '%s', are all '+' and '#' wildcards correct? Each takes a level of its own, and '#' the last.", what, v)
}

// check completes the connection once all flags are known.
func (c *connection) check() error {
	k := &c.connect
	if c.hasWillPayload && c.will.Topic == "" {
		return flags.Errorf("Will payload given, but no will topic given.")
	}
	if c.will.Retain && c.will.Topic == "" {
		return flags.Errorf("Will retain given, but no will topic given.")
	}
	if err := c.checkTLS(); err != nil {
		return err
	}
	if err := c.checkSession(); err != nil {
		return err
	}
	if err := c.checkAuth(); err != nil {
		return err
	}
	if c.idPrefix != "" {
		k.ClientID = c.idPrefix + strconv.Itoa(os.Getpid())
	}
	if k.ClientID == "" && k.Version == packet.V31 { // which has no empty identifier
		k.ClientID = randomID()
	}
	if c.will.Topic != "" {
		k.Will = &c.will
	}
	return c.properties.check()
}

// checkSession settles how long the broker keeps the session.
func (c *connection) checkSession() error {
	k := &c.connect
	k.CleanStart = !c.keepSession
	unnamed := k.ClientID == "" // one with a process id is another the next time
	switch {
	case k.Version != packet.V5 && c.keepSession && unnamed:
		return flags.Errorf("You must provide a client id if you are using the -c option. It comes after -i.")
	case k.Version != packet.V5:
		return nil
	case c.expiry != nil:
		c.properties.add("connect", "session-expiry-interval")
		k.SessionExpiry = *c.expiry
	case c.keepSession && !c.properties.has("connect", "session-expiry-interval"):
		k.SessionExpiry = math.MaxUint32
	}
	if k.SessionExpiry == math.MaxUint32 && unnamed {
		return flags.Errorf("You must provide a client id if you are using an infinite session expiry interval. It comes after -i.")
	}
	return nil
}
