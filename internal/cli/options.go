package cli

import (
	"math"
	"os"
	"strconv"
	"time"

	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// The functions that the rows of toolFlags name, and what is checked when all
// flags are known. Sentences begin as Mosquitto's do, since scripts read them,
// and go on to say what is accepted.

func setHost(o *toolOptions, v string) error {
	o.host = v
	return nil
}

func setPort(o *toolOptions, v string) (err error) {
	if o.port, err = strconv.Atoi(v); err != nil || o.port < 1 || o.port > 65535 {
		return usagef("Invalid port given: %s; -p takes 1 to 65535.", v)
	}
	return nil
}

func setTopic(o *toolOptions, v string) error {
	if topic.ValidateName(v) != nil {
		return usagef("Invalid publish topic '%s', does it contain '+' or '#'? -t takes a topic name, of 1 to 65535 bytes.", v)
	}
	o.topics = append(o.topics[:0], v)
	return nil
}

func addTopic(o *toolOptions, v string) error {
	if topic.ValidateFilter(v) != nil {
		return usagef("Invalid subscription topic '%s', are all '+' and '#' wildcards correct? Each takes a level of its own, and '#' the last.", v)
	}
	o.topics = append(o.topics, v)
	return nil
}

// setSource returns the function for a flag that takes no value.
func setSource(s source) func(o *toolOptions, _ string) error {
	return func(o *toolOptions, _ string) error {
		if o.source != noSource {
			return usagef("Only one type of message can be sent at once: one of -f, -l, -m, -n and -s.")
		}
		o.source = s
		return nil
	}
}

func setMessage(o *toolOptions, v string) error {
	o.payload = []byte(v)
	return setSource(argument)(o, v)
}

func setFile(o *toolOptions, v string) error {
	o.file = v
	return setSource(wholeFile)(o, v)
}

func setToolQoS(o *toolOptions, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 2 {
		return usagef("Invalid QoS given: %s; -q takes 0, 1 or 2.", v)
	}
	o.qos = packet.QoS(n)
	return nil
}

func setCount(o *toolOptions, v string) (err error) {
	if o.count, err = strconv.Atoi(v); err != nil || o.count < 1 {
		return usagef("Invalid message count \"%s\"; -C takes 1 or more.", v)
	}
	return nil
}

func setTimeout(o *toolOptions, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > math.MaxInt32 {
		return usagef("Invalid timeout \"%s\"; -W takes seconds, 1 or more.", v)
	}
	o.timeout = time.Duration(n) * time.Second
	return nil
}

func setUsername(o *toolOptions, v string) error {
	o.connect.Username, o.connect.HasUsername = v, true
	return nil
}

func setPassword(o *toolOptions, v string) error {
	o.connect.Password, o.connect.HasPassword = []byte(v), true
	return nil
}

func setSessionExpiry(o *toolOptions, v string) error {
	if v == "-1" || v == "∞" {
		v = "4294967295"
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil {
		return usagef("session-expiry-interval not a number, or out of range: %s; -x takes 0 to 4294967295 seconds, or -1.", v)
	}
	o.expiry = new(uint32(n))
	o.connect.Version = packet.V5
	return nil
}

func setKeepAlive(o *toolOptions, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 5 || n > 65535 {
		return usagef("Invalid keepalive given: %s; it must be between 5 and 65535 inclusive.", v)
	}
	o.connect.KeepAlive = uint16(n)
	return nil
}

func setMaxInflight(o *toolOptions, v string) (err error) {
	if o.maxInflight, err = strconv.Atoi(v); err != nil || o.maxInflight < 1 || o.maxInflight > 65535 {
		return usagef("Maximum inflight messages must be greater than 0: %s; -M takes 1 to 65535.", v)
	}
	return nil
}

func setProtocolVersion(o *toolOptions, v string) error {
	versions := map[string]packet.Version{
		"mqttv31": packet.V31, "31": packet.V31,
		"mqttv311": packet.V311, "311": packet.V311,
		"mqttv5": packet.V5, "5": packet.V5,
	}
	version, ok := versions[v]
	if !ok {
		return usagef("Invalid protocol version argument given: %s; -V takes mqttv31, mqttv311 or mqttv5.", v)
	}
	o.connect.Version = version
	return nil
}

// check completes the options once all flags are known.
func (o *toolOptions) check(tool tools) error {
	c := &o.connect
	switch {
	case tool == pubTool && (len(o.topics) == 0 || o.source == noSource):
		return usagef("Both topic and message must be supplied: -t, and one of -f, -l, -m, -n and -s.")
	case tool == subTool && len(o.topics) == 0:
		return usagef("You must specify a topic to subscribe to: -t.")
	case c.ClientID != "" && o.idPrefix != "":
		return usagef("-i and -I argument cannot be used together.")
	case o.keepSession && c.ClientID == "":
		return usagef("You must provide a client id if you are using the -c option: -i.")
	case c.HasPassword && !c.HasUsername && c.Version != packet.V5:
		return usagef("Problem setting username and/or password: before MQTT 5, -P needs -u.")
	}
	if o.idPrefix != "" {
		c.ClientID = o.idPrefix + strconv.Itoa(os.Getpid())
	}
	if c.ClientID == "" && c.Version == packet.V31 { // which has no empty identifier
		c.ClientID = randomID()
	}
	c.CleanStart = !o.keepSession
	switch {
	case c.Version != packet.V5:
	case o.expiry != nil:
		c.SessionExpiry = *o.expiry
	case o.keepSession:
		c.SessionExpiry = math.MaxUint32
	}
	if 0 < o.count && o.count < 20 {
		c.ReceiveMaximum = uint16(o.count) // more would be sent in vain
	}
	return nil
}
