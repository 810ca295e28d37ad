package mqtttest

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/zancudomq/zancudo/packet"
)

// Parse reads a packet in the notation of package packet (packet/notation.md).
// It also reads what String does not write: password=secret, size=2000 and
// payload=… for the payload of a PUBLISH.
func Parse(s string) (packet.Packet, error) {
	words, err := split(s)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("a packet begins with its name")
	}
	r := &parser{name: words[0].String(), words: words[1:]}
	p := r.packet()
	if r.err == nil && len(r.words) > 0 {
		r.unknown(r.words[0])
	}
	if r.err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, r.err)
	}
	return p, nil
}

// parser reads the words after a packet's name. The first error sticks.
type parser struct {
	name  string
	words []word
	err   error
}

func (r *parser) packet() packet.Packet {
	switch r.name {
	case "CONNECT":
		return r.connect()
	case "CONNACK":
		return r.connack()
	case "PUBLISH":
		return r.publish()
	case "PUBACK":
		return &packet.Puback{Ack: r.ack()}
	case "PUBREC":
		return &packet.Pubrec{Ack: r.ack()}
	case "PUBREL":
		return &packet.Pubrel{Ack: r.ack()}
	case "PUBCOMP":
		return &packet.Pubcomp{Ack: r.ack()}
	case "SUBSCRIBE":
		return r.subscribe()
	case "SUBACK":
		p := &packet.Suback{PacketID: r.id()}
		p.ReasonCodes, p.ReasonString, p.UserProperties = r.codes()
		return p
	case "UNSUBSCRIBE":
		return r.unsubscribe()
	case "UNSUBACK":
		p := &packet.Unsuback{PacketID: r.id()}
		p.ReasonCodes, p.ReasonString, p.UserProperties = r.codes()
		return p
	case "PINGREQ":
		return &packet.Pingreq{}
	case "PINGRESP":
		return &packet.Pingresp{}
	case "DISCONNECT":
		return r.disconnect()
	case "AUTH":
		return r.auth()
	default:
		r.err = errors.New("is not the name of a packet")
		return nil
	}
}

func (r *parser) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *parser) unknown(w word) {
	if w.key != "" {
		r.fail(fmt.Errorf("has no field %q; quote what is no field", w.key))
		return
	}
	r.fail(fmt.Errorf("does not expect %s here", w))
}

// each calls f for every word that is left, until the first error. The name of
// a flag is the flag, that of key=value is "key=".
func (r *parser) each(f func(name string, w word)) {
	for len(r.words) > 0 && r.err == nil {
		w := r.words[0]
		r.words = r.words[1:]
		name := w.key + "="
		if w.key == "" {
			name = w.value
		}
		f(name, w)
	}
}

func (r *parser) id() uint16 {
	if len(r.words) == 0 || !r.words[0].isNumber() {
		r.fail(errors.New("the packet identifier is missing"))
		return 0
	}
	w := r.words[0]
	r.words = r.words[1:]
	return r.uint16(w)
}

func (r *parser) uint(w word, bits int) uint64 {
	v, err := w.uint(bits)
	if err != nil {
		r.fail(err)
	}
	return v
}

func (r *parser) uint16(w word) uint16  { return uint16(r.uint(w, 16)) }
func (r *parser) uint32(w word) uint32  { return uint32(r.uint(w, 32)) }
func (r *parser) qos(w word) packet.QoS { return packet.QoS(r.uint(w, 2)) }
func (r *parser) text(w word) string    { return string(r.bytes(w)) }
func (r *parser) expiry(w word) (v uint32) {
	if w.value == "never" {
		return 0xFFFFFFFF
	}
	return r.uint32(w)
}

// bytes is never nil.
func (r *parser) bytes(w word) []byte {
	v, err := w.bytes()
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", w, err))
	}
	return append([]byte{}, v...)
}

func (r *parser) user(w word) packet.UserProperty {
	name, value, err := w.cutColon()
	if err != nil {
		r.fail(err)
	}
	return packet.UserProperty{Name: name, Value: value}
}

func (r *parser) code(w word) packet.ReasonCode {
	v, err := strconv.ParseUint(w.value, 0, 8)
	if err != nil {
		r.fail(fmt.Errorf("%s is not a reason code", w))
	}
	return packet.ReasonCode(v)
}

// problem reads a reason code, reason= and user=.
func (r *parser) problem(code *packet.ReasonCode, text *string, user *[]packet.UserProperty, name string, w word) bool {
	switch {
	case name == "reason=":
		*text = r.text(w)
	case name == "user=":
		*user = append(*user, r.user(w))
	case w.isCode():
		*code = r.code(w)
	default:
		return false
	}
	return true
}

func (r *parser) publish() packet.Packet {
	p := &packet.Publish{}
	hasID := len(r.words) > 0 && r.words[0].isNumber()
	if hasID {
		p.PacketID = r.id()
	}
	hasTopic, hasPayload := false, false
	payload := func(v []byte) {
		if hasPayload {
			r.fail(errors.New("has one payload; quote it if it has spaces"))
		}
		p.Payload, hasPayload = v, true
	}
	r.each(func(name string, w word) {
		switch {
		case r.publishField(p, name, w):
		case name == "size=":
			v, err := pattern(w.value)
			if err != nil {
				r.fail(err)
			}
			payload(v)
		case name == "payload=":
			payload(r.bytes(w))
		case w.key != "":
			r.unknown(w)
		case !hasTopic:
			p.Topic, hasTopic = r.text(w), true
		default:
			payload(r.bytes(w))
		}
	})
	if !hasTopic {
		r.fail(errors.New(`the topic name is missing; an empty one is written ""`))
	}
	if p.QoS > 0 && !hasID {
		r.fail(fmt.Errorf("the packet identifier is missing, as in PUBLISH 7 %s qos=%d", p.Topic, p.QoS))
	}
	return p
}

func (r *parser) publishField(p *packet.Publish, name string, w word) bool {
	switch name {
	case "dup":
		p.Dup = true
	case "qos=":
		p.QoS = r.qos(w)
	case "retain":
		p.Retain = true
	case "alias=":
		p.TopicAlias = r.uint16(w)
	case "expiry=":
		p.MessageExpiry, p.HasMessageExpiry = r.uint32(w), true
	case "subid=":
		p.SubscriptionIDs = append(p.SubscriptionIDs, r.uint32(w))
	default:
		return r.messageProperty(&p.Message, name, w)
	}
	return true
}

func (r *parser) ack() packet.Ack {
	a := packet.Ack{PacketID: r.id()}
	r.each(func(name string, w word) {
		if !r.problem(&a.ReasonCode, &a.ReasonString, &a.UserProperties, name, w) {
			r.unknown(w)
		}
	})
	return a
}

// codes reads what follows the packet identifier of SUBACK and UNSUBACK.
func (r *parser) codes() (codes []packet.ReasonCode, text string, user []packet.UserProperty) {
	r.each(func(name string, w word) {
		var code packet.ReasonCode
		switch {
		case w.isNumber() || w.isCode():
			codes = append(codes, r.code(w))
		case !r.problem(&code, &text, &user, name, w):
			r.unknown(w)
		}
	})
	return codes, text, user
}

func (r *parser) subscribe() packet.Packet {
	p := &packet.Subscribe{PacketID: r.id()}
	r.each(func(name string, w word) {
		switch {
		case name == "subid=":
			p.SubscriptionID = r.uint32(w)
		case name == "user=":
			p.UserProperties = append(p.UserProperties, r.user(w))
		case len(p.Subscriptions) > 0 && r.option(&p.Subscriptions[len(p.Subscriptions)-1], name, w):
		case w.key != "":
			r.unknown(w)
		default:
			p.Subscriptions = append(p.Subscriptions, packet.Subscription{Filter: r.text(w)})
		}
	})
	return p
}

// option reads an option of the filter before it.
func (r *parser) option(s *packet.Subscription, name string, w word) bool {
	switch name {
	case "qos=":
		s.QoS = r.qos(w)
	case "no-local":
		s.NoLocal = true
	case "retain-as-published":
		s.RetainAsPublished = true
	case "retain-handling=":
		s.RetainHandling = packet.RetainHandling(r.uint(w, 2))
	default:
		return false
	}
	return true
}

func (r *parser) unsubscribe() packet.Packet {
	p := &packet.Unsubscribe{PacketID: r.id()}
	r.each(func(name string, w word) {
		switch {
		case name == "user=":
			p.UserProperties = append(p.UserProperties, r.user(w))
		case w.key != "":
			r.unknown(w)
		default:
			p.Filters = append(p.Filters, r.text(w))
		}
	})
	return p
}

func (r *parser) disconnect() packet.Packet {
	p := &packet.Disconnect{}
	r.each(func(name string, w word) {
		switch name {
		case "session-expiry=":
			p.SessionExpiry = new(r.expiry(w))
		case "server-reference=":
			p.ServerReference = r.text(w)
		default:
			if !r.problem(&p.ReasonCode, &p.ReasonString, &p.UserProperties, name, w) {
				r.unknown(w)
			}
		}
	})
	return p
}

func (r *parser) auth() packet.Packet {
	p := &packet.Auth{}
	r.each(func(name string, w word) {
		switch name {
		case "auth-method=":
			p.AuthenticationMethod = r.text(w)
		case "auth-data=":
			p.AuthenticationData = r.bytes(w)
		default:
			if !r.problem(&p.ReasonCode, &p.ReasonString, &p.UserProperties, name, w) {
				r.unknown(w)
			}
		}
	})
	return p
}
