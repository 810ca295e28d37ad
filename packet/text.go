package packet

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The notation of dialogues, debug logs and traces; notation.md is its grammar.

func (p *Connect) String() string {
	t := say(CONNECT)
	t.version(p.Version)
	t.flag("bridge", p.Bridge)
	t.text("id", p.ClientID)
	t.flag("clean", p.CleanStart)
	t.number("keepalive", uint32(p.KeepAlive))
	if p.HasUsername {
		t.key("username").value(p.Username)
	}
	if p.HasPassword {
		t.key("password").raw("***")
	}
	t.expiry("session-expiry", p.SessionExpiry)
	t.number("receive-maximum", uint32(p.ReceiveMaximum))
	t.number("maximum-packet-size", p.MaximumPacketSize)
	t.number("alias-maximum", uint32(p.TopicAliasMaximum))
	t.flag("request-response-information", p.RequestResponseInformation)
	t.flag("no-problem-information", p.NoProblemInformation)
	t.authentication(p.AuthenticationMethod, p.AuthenticationData)
	t.users("user", p.UserProperties)
	if p.Will != nil {
		p.Will.say(&t)
	}
	return t.String()
}

func (p *Will) say(t *text) {
	t.key("will-topic").value(p.Topic)
	t.number("will-qos", uint32(p.QoS))
	t.flag("will-retain", p.Retain)
	t.number("will-delay", p.DelayInterval)
	if p.HasMessageExpiry {
		t.key("will-expiry").uint(p.MessageExpiry)
	}
	p.Properties.say(t, "will-")
	if len(p.Payload) > 0 {
		t.key("will-payload").bytes(p.Payload)
	}
}

func (p *Connack) String() string {
	t := say(CONNACK)
	t.flag("present", p.SessionPresent)
	t.code(p.ReasonCode)
	t.text("id", p.AssignedClientID)
	if p.ServerKeepAlive != nil {
		t.key("keepalive").uint(uint32(*p.ServerKeepAlive))
	}
	t.optionalExpiry("session-expiry", p.SessionExpiry)
	t.number("receive-maximum", uint32(p.ReceiveMaximum))
	t.number("maximum-packet-size", p.MaximumPacketSize)
	t.number("alias-maximum", uint32(p.TopicAliasMaximum))
	if p.MaximumQoS != nil {
		t.key("maximum-qos").uint(uint32(*p.MaximumQoS))
	}
	t.flag("no-retain", p.RetainUnavailable)
	t.flag("no-wildcards", p.WildcardSubscriptionsUnavailable)
	t.flag("no-subids", p.SubscriptionIDsUnavailable)
	t.flag("no-shared", p.SharedSubscriptionsUnavailable)
	t.text("response-information", p.ResponseInformation)
	t.text("server-reference", p.ServerReference)
	t.authentication(p.AuthenticationMethod, p.AuthenticationData)
	t.problem(p.ReasonString, p.UserProperties)
	return t.String()
}

func (p *Publish) String() string {
	t := say(PUBLISH)
	if p.QoS > 0 || p.PacketID != 0 {
		t.word().uint(uint32(p.PacketID))
	}
	t.name(p.Topic)
	t.flag("dup", p.Dup)
	t.number("qos", uint32(p.QoS))
	t.flag("retain", p.Retain)
	t.number("alias", uint32(p.TopicAlias))
	if p.HasMessageExpiry {
		t.key("expiry").uint(p.MessageExpiry)
	}
	p.Properties.say(&t, "")
	for _, id := range p.SubscriptionIDs {
		t.key("subid").uint(id)
	}
	if len(p.Payload) > 0 {
		t.payload(p.Payload)
	}
	return t.String()
}

func (p *MessageProperties) say(t *text, prefix string) {
	if p.zero() {
		return
	}
	t.flag(prefix+"utf8", p.PayloadIsUTF8)
	t.flag(prefix+"bytes", p.PayloadIsBytes && !p.PayloadIsUTF8)
	t.text(prefix+"content-type", p.ContentType)
	t.text(prefix+"response-topic", p.ResponseTopic)
	if p.CorrelationData != nil {
		t.key(prefix + "correlation").bytes(p.CorrelationData)
	}
	t.users(prefix+"user", p.UserProperties)
}

func (p *Puback) String() string  { return p.say(PUBACK) }
func (p *Pubrec) String() string  { return p.say(PUBREC) }
func (p *Pubrel) String() string  { return p.say(PUBREL) }
func (p *Pubcomp) String() string { return p.say(PUBCOMP) }

func (a *Ack) say(typ Type) string {
	t := say(typ)
	t.word().uint(uint32(a.PacketID))
	t.code(a.ReasonCode)
	t.problem(a.ReasonString, a.UserProperties)
	return t.String()
}

func (p *Subscribe) String() string {
	t := say(SUBSCRIBE)
	t.word().uint(uint32(p.PacketID))
	for i := range p.Subscriptions {
		s := &p.Subscriptions[i]
		t.name(s.Filter)
		t.number("qos", uint32(s.QoS))
		t.flag("no-local", s.NoLocal)
		t.flag("retain-as-published", s.RetainAsPublished)
		t.number("retain-handling", uint32(s.RetainHandling))
	}
	t.number("subid", p.SubscriptionID)
	t.users("user", p.UserProperties)
	return t.String()
}

func (p *Unsubscribe) String() string {
	t := say(UNSUBSCRIBE)
	t.word().uint(uint32(p.PacketID))
	for _, filter := range p.Filters {
		t.name(filter)
	}
	t.users("user", p.UserProperties)
	return t.String()
}

func (p *Suback) String() string {
	return sayCodes(SUBACK, p.PacketID, p.ReasonCodes, p.ReasonString, p.UserProperties)
}

func (p *Unsuback) String() string {
	return sayCodes(UNSUBACK, p.PacketID, p.ReasonCodes, p.ReasonString, p.UserProperties)
}

func sayCodes(typ Type, id uint16, codes []ReasonCode, reason string, user []UserProperty) string {
	t := say(typ)
	t.word().uint(uint32(id))
	for _, code := range codes {
		if code <= GrantedQoS2 {
			t.word().uint(uint32(code))
		} else {
			t.code(code)
		}
	}
	t.problem(reason, user)
	return t.String()
}

// String is PINGREQ.
func (p *Pingreq) String() string { return "PINGREQ" }

// String is PINGRESP.
func (p *Pingresp) String() string { return "PINGRESP" }

func (p *Disconnect) String() string {
	t := say(DISCONNECT)
	t.code(p.ReasonCode)
	t.optionalExpiry("session-expiry", p.SessionExpiry)
	t.text("server-reference", p.ServerReference)
	t.problem(p.ReasonString, p.UserProperties)
	return t.String()
}

func (p *Auth) String() string {
	t := say(AUTH)
	t.code(p.ReasonCode)
	t.authentication(p.AuthenticationMethod, p.AuthenticationData)
	t.problem(p.ReasonString, p.UserProperties)
	return t.String()
}

// What is longer is said by its length.
const (
	longestString  = 256
	longestPayload = 128
	longestHex     = 32
)

// neverExpires is the Session Expiry Interval of a session that does not expire.
const neverExpires = 0xFFFFFFFF

// text is a packet in the notation, as far as it is said.
type text struct{ b []byte }

func say(typ Type) text { return text{append(make([]byte, 0, 64), typ.String()...)} }

func (t *text) String() string { return string(t.b) }

// word begins a positional word.
func (t *text) word() *text {
	t.b = append(t.b, ' ')
	return t
}

// key begins a word key=value.
func (t *text) key(key string) *text {
	t.b = append(t.b, ' ')
	t.b = append(t.b, key...)
	t.b = append(t.b, '=')
	return t
}

func (t *text) raw(s string)  { t.b = append(t.b, s...) }
func (t *text) uint(v uint32) { t.b = strconv.AppendUint(t.b, uint64(v), 10) }

func (t *text) flag(word string, set bool) {
	if set {
		t.word().raw(word)
	}
}

// number says a number unless it is zero.
func (t *text) number(key string, v uint32) {
	if v != 0 {
		t.key(key).uint(v)
	}
}

// text says a string unless it is empty.
func (t *text) text(key, s string) {
	if s != "" {
		t.key(key).value(s)
	}
}

func (t *text) expiry(key string, v uint32) {
	if v == neverExpires {
		t.key(key).raw("never")
		return
	}
	t.number(key, v)
}

func (t *text) optionalExpiry(key string, v *uint32) {
	if v != nil && *v == 0 {
		t.key(key).uint(0)
	} else if v != nil {
		t.expiry(key, *v)
	}
}

// version is silent about 3.1.1, and says an unknown level as it is.
func (t *text) version(v Version) {
	switch v {
	case V311:
	case V31:
		t.word().raw("v31")
	default:
		t.word().raw("v" + strconv.Itoa(int(v)))
	}
}

func (t *text) code(c ReasonCode) {
	if c != Success {
		t.word().raw("0x")
		t.b = append(t.b, upperHex[c>>4], upperHex[c&15])
	}
}

const upperHex = "0123456789ABCDEF"

func (t *text) problem(reason string, user []UserProperty) {
	t.text("reason", reason)
	t.users("user", user)
}

// authentication never shows the data, which may hold a password.
func (t *text) authentication(method string, data []byte) {
	t.text("auth-method", method)
	if data != nil {
		t.key("auth-data").size(len(data))
	}
}

func (t *text) users(key string, list []UserProperty) {
	for _, u := range list {
		t.key(key).half(u.Name)
		t.raw(":")
		t.half(u.Value)
	}
}

// half is one side of a user property: a colon in it is quoted.
func (t *text) half(s string) {
	if strings.Contains(s, ":") && len(s) <= longestString {
		t.quoted(s)
		return
	}
	t.value(s)
}

// name is a topic name or filter in its position: what could be read as a
// packet identifier or a flag is quoted.
func (t *text) name(s string) {
	if numeric(s) {
		t.word().quoted(s)
		return
	}
	t.positional(s)
}

func (t *text) positional(s string) {
	t.word()
	switch s {
	case "dup", "retain", "utf8", "bytes", "no-local", "retain-as-published":
		t.quoted(s)
	default:
		t.value(s)
	}
}

func (t *text) payload(v []byte) {
	if showable(v) {
		t.positional(string(v))
		return
	}
	t.word().bytes(v)
}

// bytes is binary data: as text if it is some, else in hexadecimal.
func (t *text) bytes(v []byte) {
	switch {
	case showable(v):
		t.value(string(v))
	case len(v) <= longestHex:
		t.raw("<hex:")
		t.b = hex.AppendEncode(t.b, v)
		t.raw(">")
	default:
		t.size(len(v))
	}
}

func (t *text) size(n int) {
	t.raw("<")
	t.uint(uint32(n))
	t.raw(" bytes>")
}

func (t *text) value(s string) {
	switch {
	case len(s) > longestString:
		t.size(len(s))
	case bare(s):
		t.raw(s)
	default:
		t.quoted(s)
	}
}

// quoted quotes as Go does; JSON stays readable in back quotes.
func (t *text) quoted(s string) {
	if strings.Contains(s, `"`) && strconv.CanBackquote(s) {
		t.raw("`" + s + "`")
		return
	}
	t.b = strconv.AppendQuote(t.b, s)
}

// bare reports whether s needs no quotes.
func bare(s string) bool {
	if s == "" || s == "*" || s == "..." || s[0] == '<' {
		return false
	}
	for _, r := range s {
		if r == utf8.RuneError || r == ' ' || r == '"' || r == '`' || r == '=' || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func numeric(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// showable reports whether v is short text of printable characters and white
// space.
func showable(v []byte) bool {
	if len(v) > longestPayload || !utf8.Valid(v) {
		return false
	}
	for _, r := range string(v) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}
