package mqtttest

import (
	"strconv"
	"strings"

	"github.com/zancudomq/zancudo/packet"
)

func (r *parser) connect() packet.Packet {
	p := &packet.Connect{Version: packet.V311}
	will := func() *packet.Will {
		if p.Will == nil {
			p.Will = &packet.Will{}
		}
		return p.Will
	}
	r.each(func(name string, w word) {
		switch name {
		case "bridge":
			p.Bridge = true
		case "clean":
			p.CleanStart = true
		case "id=":
			p.ClientID = r.text(w)
		case "keepalive=":
			p.KeepAlive = r.uint16(w)
		case "username=":
			p.Username, p.HasUsername = r.text(w), true
		case "password=":
			p.Password, p.HasPassword = r.bytes(w), true
		default:
			if field, ok := strings.CutPrefix(name, "will-"); ok {
				r.will(will(), field, w)
			} else if !r.connectProperty(p, name, w) && !r.version(p, w) {
				r.unknown(w)
			}
		}
	})
	return p
}

// version reads v31, v311, v5, or any other level.
func (r *parser) version(p *packet.Connect, w word) bool {
	v, ok := parseVersion(w.value)
	if ok && w.key == "" {
		p.Version = v
	}
	return ok && w.key == ""
}

func parseVersion(s string) (packet.Version, bool) {
	switch s {
	case "v31":
		return packet.V31, true
	case "v311":
		return packet.V311, true
	}
	digits, ok := strings.CutPrefix(s, "v")
	level, err := strconv.ParseUint(digits, 10, 8)
	return packet.Version(level), ok && err == nil
}

func (r *parser) connectProperty(p *packet.Connect, name string, w word) bool {
	switch name {
	case "session-expiry=":
		p.SessionExpiry = r.expiry(w)
	case "receive-maximum=":
		p.ReceiveMaximum = r.uint16(w)
	case "maximum-packet-size=":
		p.MaximumPacketSize = r.uint32(w)
	case "alias-maximum=":
		p.TopicAliasMaximum = r.uint16(w)
	case "request-response-information":
		p.RequestResponseInformation = true
	case "no-problem-information":
		p.NoProblemInformation = true
	case "auth-method=":
		p.AuthenticationMethod = r.text(w)
	case "auth-data=":
		p.AuthenticationData = r.bytes(w)
	case "user=":
		p.UserProperties = append(p.UserProperties, r.user(w))
	default:
		return false
	}
	return true
}

func (r *parser) will(p *packet.Will, name string, w word) {
	switch name {
	case "topic=":
		p.Topic = r.text(w)
	case "payload=":
		p.Payload = r.bytes(w)
	case "qos=":
		p.QoS = r.qos(w)
	case "retain":
		p.Retain = true
	case "delay=":
		p.DelayInterval = r.uint32(w)
	case "expiry=":
		p.MessageExpiry, p.HasMessageExpiry = r.uint32(w), true
	default:
		if !r.messageProperty(&p.Message, name, w) {
			r.unknown(w)
		}
	}
}

func (r *parser) messageProperty(m *packet.Message, name string, w word) bool {
	p := packet.MessageProperties{}
	if m.Properties != nil {
		p = *m.Properties
	}
	switch name {
	case "utf8":
		p.PayloadIsUTF8 = true
	case "bytes":
		p.PayloadIsBytes = true
	case "content-type=":
		p.ContentType = r.text(w)
	case "response-topic=":
		p.ResponseTopic = r.text(w)
	case "correlation=":
		p.CorrelationData = r.bytes(w)
	case "user=":
		p.UserProperties = append(p.UserProperties, r.user(w))
	default:
		return false
	}
	m.Properties = &p
	return true
}

func (r *parser) connack() packet.Packet {
	p := &packet.Connack{}
	r.each(func(name string, w word) {
		switch name {
		case "present":
			p.SessionPresent = true
		case "id=":
			p.AssignedClientID = r.text(w)
		case "keepalive=":
			p.ServerKeepAlive = new(r.uint16(w))
		case "session-expiry=":
			p.SessionExpiry = new(r.expiry(w))
		case "receive-maximum=":
			p.ReceiveMaximum = r.uint16(w)
		case "maximum-packet-size=":
			p.MaximumPacketSize = r.uint32(w)
		case "alias-maximum=":
			p.TopicAliasMaximum = r.uint16(w)
		case "maximum-qos=":
			p.MaximumQoS = new(r.qos(w))
		case "response-information=":
			p.ResponseInformation = r.text(w)
		case "server-reference=":
			p.ServerReference = r.text(w)
		case "auth-method=":
			p.AuthenticationMethod = r.text(w)
		case "auth-data=":
			p.AuthenticationData = r.bytes(w)
		default:
			if !r.connackFlag(p, name) && !r.problem(&p.ReasonCode, &p.ReasonString, &p.UserProperties, name, w) {
				r.unknown(w)
			}
		}
	})
	return p
}

func (r *parser) connackFlag(p *packet.Connack, name string) bool {
	switch name {
	case "no-retain":
		p.RetainUnavailable = true
	case "no-wildcards":
		p.WildcardSubscriptionsUnavailable = true
	case "no-subids":
		p.SubscriptionIDsUnavailable = true
	case "no-shared":
		p.SharedSubscriptionsUnavailable = true
	default:
		return false
	}
	return true
}
