package packet

import (
	"bytes"
	"slices"
	"time"
)

// Message is an Application Message. Once it has been handed to a broker it is
// never changed; Payload and Properties may be shared by many receivers.
type Message struct {
	Topic   string
	Payload []byte
	QoS     QoS
	Retain  bool
	// Properties are nil for a message without any.
	Properties *MessageProperties
	// Expires is when the message must not be delivered any more, on the clock
	// of the broker that received it; zero: never. It is counted down to the
	// Message Expiry Interval when the message is sent.
	Expires time.Time
}

// MessageProperties are the properties of an Application Message that a server
// hands on unaltered.
type MessageProperties struct {
	PayloadIsUTF8   bool // Payload Format Indicator 1
	PayloadIsBytes  bool // Payload Format Indicator 0, which is said though it means as much as none
	ContentType     string
	ResponseTopic   string
	CorrelationData []byte // nil: absent
	UserProperties  []UserProperty
}

// Clone returns a copy that shares no memory with m but its strings.
func (m *Message) Clone() *Message {
	c := *m
	c.Payload = bytes.Clone(m.Payload)
	if m.Properties != nil {
		p := *m.Properties
		p.CorrelationData = bytes.Clone(p.CorrelationData)
		p.UserProperties = slices.Clone(p.UserProperties)
		c.Properties = &p
	}
	return &c
}

// Expired reports whether the message must not be delivered any more.
func (m *Message) Expired(now time.Time) bool {
	return !m.Expires.IsZero() && !now.Before(m.Expires)
}

// ExpiryInterval is the rest of the message's life in seconds, rounded up, so
// that a message which has not expired never says 0 [MQTT-3.3.2-6].
func (m *Message) ExpiryInterval(now time.Time) uint32 {
	left := m.Expires.Sub(now)
	if left <= 0 {
		return 0
	}
	return uint32(min((left+time.Second-1)/time.Second, 1<<32-1))
}

// zero reports whether there is nothing to send.
func (p *MessageProperties) zero() bool {
	return p == nil || !p.PayloadIsUTF8 && !p.PayloadIsBytes && p.ContentType == "" && p.ResponseTopic == "" &&
		p.CorrelationData == nil && len(p.UserProperties) == 0
}

// read takes the property at l if it is one of a message.
func (p *MessageProperties) read(l *properties) {
	switch l.id {
	case payloadFormatIndicator:
		p.PayloadIsUTF8 = l.flag("payload format indicator")
		p.PayloadIsBytes = !p.PayloadIsUTF8
	case contentType:
		p.ContentType = l.c.text("content type")
	case responseTopic:
		p.ResponseTopic = l.c.text("response topic")
	case correlationData:
		p.CorrelationData = l.c.binary("correlation data")
	case userProperty:
		p.UserProperties = append(p.UserProperties, l.user())
	default:
		l.c.fail(MalformedPacket, "property not allowed here")
	}
}

// append adds the properties to a property list.
func (p *MessageProperties) append(w *writer) {
	if p.zero() {
		return
	}
	switch { // [MQTT-3.3.2-4]
	case p.PayloadIsUTF8:
		w.byteProperty(payloadFormatIndicator, 1)
	case p.PayloadIsBytes:
		w.byteProperty(payloadFormatIndicator, 0)
	}
	w.textProperty(contentType, p.ContentType)
	w.textProperty(responseTopic, p.ResponseTopic)
	w.binaryProperty(correlationData, p.CorrelationData)
	w.userProperties(p.UserProperties)
}

// Will is the message that a server publishes when a client's connection ends
// otherwise than by a DISCONNECT of the client's own.
type Will struct {
	Message
	// MessageExpiry is the Message Expiry Interval in seconds, counted from
	// the publication of the will; meaningful if HasMessageExpiry.
	MessageExpiry    uint32
	HasMessageExpiry bool
	// DelayInterval is how many seconds the server waits before it publishes.
	DelayInterval uint32
}
