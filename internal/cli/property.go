package cli

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
)

// properties are what -D says for the packets other than CONNECT.
type properties struct {
	publish     packet.Publish
	subscribe   packet.Subscribe
	unsubscribe packet.Unsubscribe
	disconnect  packet.Disconnect

	given []string // "command name" of each that may occur once
	bad   string   // the command with a value that MQTT has no use for
}

// A property is a row of the table of MQTT 5's properties.
type property struct {
	name string
	most uint64 // of a number; zero: it is text
	// commands are the packets that it belongs to, of those that -D knows.
	commands string
	set      func(c *connection, command string, v value)
}

// A value is that of a property, as text and as number.
type value struct {
	text   string
	number uint64
}

// propertyCommands are the packets that -D can give properties to; Mosquitto
// knows the names of the others too.
var (
	propertyCommands = []string{"connect", "publish", "subscribe", "unsubscribe", "disconnect", "will"}
	otherCommands    = []string{"connack", "puback", "pubrec", "pubrel", "pubcomp", "suback", "unsuback", "auth"}
)

// propertyTable has every property. One without a setter belongs to packets
// that a client does not send, or not of its own accord.
func propertyTable() []property {
	return []property{
		{"payload-format-indicator", math.MaxUint8, "publish will", func(c *connection, command string, v value) {
			m := c.message(command)
			m.PayloadIsUTF8, m.PayloadIsBytes = v.number == 1, v.number == 0
		}},
		{"message-expiry-interval", math.MaxUint32, "publish will", func(c *connection, command string, v value) {
			if command == "will" {
				c.will.MessageExpiry, c.will.HasMessageExpiry = uint32(v.number), true
			} else {
				c.properties.publish.MessageExpiry, c.properties.publish.HasMessageExpiry = uint32(v.number), true
			}
		}},
		{"content-type", 0, "publish will", func(c *connection, command string, v value) { c.message(command).ContentType = v.text }},
		{"response-topic", 0, "publish will", func(c *connection, command string, v value) { c.message(command).ResponseTopic = v.text }},
		{"correlation-data", 0, "publish will", func(c *connection, command string, v value) {
			c.message(command).CorrelationData = []byte(v.text)
		}},
		{"subscription-identifier", math.MaxUint32, "subscribe publish", func(c *connection, _ string, v value) {
			c.properties.subscribe.SubscriptionID = uint32(v.number)
		}},
		{"session-expiry-interval", math.MaxUint32, "connect disconnect connack", func(c *connection, command string, v value) {
			if command == "disconnect" {
				c.properties.disconnect.SessionExpiry = new(uint32(v.number))
			} else {
				c.connect.SessionExpiry = uint32(v.number)
			}
		}},
		{"authentication-method", 0, "connect connack auth", func(c *connection, _ string, v value) { c.connect.AuthenticationMethod = v.text }},
		{"authentication-data", 0, "connect connack auth", func(c *connection, _ string, v value) { c.connect.AuthenticationData = []byte(v.text) }},
		{"request-problem-information", math.MaxUint8, "connect", func(c *connection, _ string, v value) { c.connect.NoProblemInformation = v.number == 0 }},
		{"request-response-information", math.MaxUint8, "connect", func(c *connection, _ string, v value) { c.connect.RequestResponseInformation = v.number == 1 }},
		{"receive-maximum", math.MaxUint16, "connect connack", func(c *connection, _ string, v value) { c.connect.ReceiveMaximum = uint16(v.number) }},
		{"topic-alias-maximum", math.MaxUint16, "connect connack", func(c *connection, _ string, v value) { c.connect.TopicAliasMaximum = uint16(v.number) }},
		{"maximum-packet-size", math.MaxUint32, "connect connack", func(c *connection, _ string, v value) { c.connect.MaximumPacketSize = uint32(v.number) }},
		{"will-delay-interval", math.MaxUint32, "will", func(c *connection, _ string, v value) { c.will.DelayInterval = uint32(v.number) }},
		{"topic-alias", math.MaxUint16, "publish", func(c *connection, _ string, v value) { c.properties.publish.TopicAlias = uint16(v.number) }},
		{"reason-string", 0, "disconnect connack puback pubrec pubrel pubcomp suback unsuback auth", func(c *connection, _ string, v value) {
			c.properties.disconnect.ReasonString = v.text
		}},
		{"server-reference", 0, "disconnect connack", func(c *connection, _ string, v value) { c.properties.disconnect.ServerReference = v.text }},
		{name: userProperty, commands: strings.Join(append(propertyCommands, otherCommands...), " ")},
		{name: "assigned-client-identifier", commands: "connack"},
		{name: "server-keep-alive", most: math.MaxUint16, commands: "connack"},
		{name: "response-information", commands: "connack"},
		{name: "maximum-qos", most: math.MaxUint8, commands: "connack"},
		{name: "retain-available", most: math.MaxUint8, commands: "connack"},
		{name: "wildcard-subscription-available", most: math.MaxUint8, commands: "connack"},
		{name: "subscription-identifier-available", most: math.MaxUint8, commands: "connack"},
		{name: "shared-subscription-available", most: math.MaxUint8, commands: "connack"},
	}
}

// userProperty is the one with two values, a name and a value, and the one that
// may be repeated.
const userProperty = "user-property"

// message are the properties of the message that a command has.
func (c *connection) message(command string) *packet.MessageProperties {
	m := &c.properties.publish.Message
	if command == "will" {
		m = &c.will.Message
	}
	if m.Properties == nil {
		m.Properties = &packet.MessageProperties{}
	}
	return m.Properties
}

// countProperty says how many arguments belong to -D.
func countProperty(args []string) int {
	if len(args) > 1 && args[1] == userProperty {
		return 4
	}
	return 3
}

// setProperty takes the values of -D. The sentences are Mosquitto's.
func (c *connection) setProperty(args []string) error {
	command, name, text := args[0], args[1], args[2]
	c.connect.Version = packet.V5
	known := slices.Contains(propertyCommands, command)
	if !known && !slices.Contains(otherCommands, command) {
		return flags.Errorf("Invalid command %s given in --property argument. It is one of %s.", command, strings.Join(propertyCommands, ", "))
	}
	table := propertyTable()
	i := slices.IndexFunc(table, func(p property) bool { return p.name == name })
	if i < 0 {
		return flags.Errorf("Invalid property name %s given in --property argument.%s", name, nearestProperty(name, table))
	}
	p := table[i]
	belongs := slices.Contains(strings.Fields(p.commands), command)
	v := value{text: text}
	var err error
	switch {
	case !belongs:
		return flags.Errorf("%s property not allowed for %s in --property argument. %s has %s.", name, command, command, strings.Join(propertiesOf(command), ", "))
	case p.most > 0:
		if v.number, err = strconv.ParseUint(text, 10, 64); err != nil || v.number > p.most {
			return flags.Errorf("Property value (%s) out of range for property %s. It is a number from 0 to %d.", text, name, p.most)
		}
	case !utf8.ValidString(text) && name != "correlation-data" && name != "authentication-data":
		return flags.Errorf("Malformed UTF-8 in --property argument.")
	}
	switch {
	case !known, command == "publish" && name == "subscription-identifier":
		return flags.Errorf("%s property not supported for %s in --property argument.", name, command)
	case name == userProperty:
		c.addUserProperty(command, packet.UserProperty{Name: text, Value: args[3]})
		return nil
	}
	p.set(c, command, v)
	if !p.sensible(v.number) {
		c.properties.bad = command
	}
	c.properties.add(command, name)
	return nil
}

// sensible reports whether MQTT has a use for the value.
func (p *property) sensible(n uint64) bool {
	switch p.name {
	case "receive-maximum", "maximum-packet-size", "topic-alias":
		return n > 0
	case "subscription-identifier":
		return n > 0 && n < 1<<28
	case "payload-format-indicator", "request-problem-information", "request-response-information":
		return n <= 1
	}
	return true
}

func (c *connection) addUserProperty(command string, u packet.UserProperty) {
	to := map[string]*[]packet.UserProperty{
		"connect": &c.connect.UserProperties, "subscribe": &c.properties.subscribe.UserProperties,
		"unsubscribe": &c.properties.unsubscribe.UserProperties, "disconnect": &c.properties.disconnect.UserProperties,
	}[command]
	if to == nil {
		to = &c.message(command).UserProperties
	}
	*to = append(*to, u)
}

// propertiesOf are those that a command may have.
func propertiesOf(command string) (names []string) {
	for _, p := range propertyTable() {
		if slices.Contains(strings.Fields(p.commands), command) {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return names
}

func nearestProperty(name string, table []property) string {
	var names []string
	for _, p := range table {
		names = append(names, p.name)
	}
	if meant := flags.Nearest(name, names); meant != "" {
		return fmt.Sprintf(" Did you mean %s?", meant)
	}
	return ""
}

// propertyHelp tells which properties each command may have.
func propertyHelp() string {
	var b strings.Builder
	b.WriteString("It has MQTT 5 spoken, and may be repeated. The value of user-property has two words, a name and a value.")
	for _, command := range propertyCommands {
		names := slices.DeleteFunc(propertiesOf(command), func(n string) bool { return command == "publish" && n == "subscription-identifier" })
		fmt.Fprintf(&b, " Those of %s: %s.", command, strings.Join(names, ", "))
	}
	return b.String()
}

// add notes that a property is given.
func (p *properties) add(command, name string) { p.given = append(p.given, command+" "+name) }

func (p *properties) has(command, name string) bool {
	return slices.Contains(p.given, command+" "+name)
}

// check finds properties that occur twice, and values that MQTT forbids.
func (p *properties) check() error {
	for i, g := range p.given {
		command, name, _ := strings.Cut(g, " ")
		if slices.Contains(p.given[:i], g) {
			return propertyError(command, "Duplicate property in property list. It is "+name+".")
		}
	}
	if p.bad != "" {
		return propertyError(p.bad, "A network protocol error occurred when communicating with the broker. A value is one that MQTT forbids.")
	}
	return nil
}

// A wholeError is a usage error that does not begin with "Error: ".
type wholeError string

func (e wholeError) Error() string { return string(e) }

func propertyError(command, what string) error {
	name := strings.ToUpper(command)
	if command == "will" {
		name = "Will"
	}
	return wholeError("Error in " + name + " properties: " + what)
}

func validUTF8(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
