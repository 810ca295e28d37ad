package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// A tracer prints the packets of a client as Mosquitto's tools do with -d.
type tracer struct {
	out     *output
	id      string
	version packet.Version
	last    uint16 // packet identifier; Mosquitto numbers messages of QoS 0 too
	granted bool   // tell what a SUBACK grants
}

func newTracer(out *output, id string) *tracer { return &tracer{out: out, id: id} }

func (t *tracer) trace(d client.Direction, p packet.Packet) {
	if connack, ok := p.(*packet.Connack); ok && connack.AssignedClientID != "" {
		t.id = connack.AssignedClientID
	}
	id := t.id
	if id == "" {
		id = "(null)"
	}
	if d == client.Sent {
		t.sent("Client "+id+" sending ", p)
	} else {
		t.received("Client "+id+" received ", p)
	}
}

func (t *tracer) sent(who string, p packet.Packet) {
	switch p := p.(type) {
	case *packet.Connect:
		t.version = p.Version
		t.out.printf("%sCONNECT\n", who)
	case *packet.Publish:
		if t.last++; p.PacketID != 0 {
			t.last = p.PacketID
		}
		t.out.printf("%sPUBLISH %s\n", who, publishText(p, t.last))
	case *packet.Puback:
		t.out.printf("%sPUBACK (m%d, rc%d)\n", who, p.PacketID, p.ReasonCode)
	case *packet.Pubrec:
		t.out.printf("%sPUBREC (m%d, rc%d)\n", who, p.PacketID, p.ReasonCode)
	case *packet.Pubrel:
		t.out.printf("%sPUBREL (m%d)\n", who, p.PacketID)
	case *packet.Pubcomp:
		t.out.printf("%sPUBCOMP (m%d)\n", who, p.PacketID)
	case *packet.Subscribe:
		t.last = p.PacketID
		for _, s := range p.Subscriptions {
			t.out.printf("%sSUBSCRIBE (Mid: %d, Topic: %s, QoS: %d, Options: 0x%02x)\n", who, p.PacketID, s.Filter, s.QoS, subscriptionOptions(s))
		}
	case *packet.Unsubscribe:
		t.last = p.PacketID
		for _, f := range p.Filters {
			t.out.printf("%sUNSUBSCRIBE (Mid: %d, Topic: %s)\n", who, p.PacketID, f)
		}
	default:
		t.out.printf("%s%v\n", who, p.Type())
	}
}

func (t *tracer) received(who string, p packet.Packet) {
	switch p := p.(type) {
	case *packet.Connack:
		code := byte(p.ReasonCode)
		if t.version != packet.V5 {
			code = p.ReasonCode.ReturnCode()
		}
		t.out.printf("%sCONNACK (%d)\n", who, code)
	case *packet.Publish:
		t.out.printf("%sPUBLISH %s\n", who, publishText(p, p.PacketID))
	case *packet.Puback:
		t.out.printf("%sPUBACK (Mid: %d, RC:%d)\n", who, p.PacketID, p.ReasonCode)
	case *packet.Pubrec:
		t.out.printf("%sPUBREC (Mid: %d)\n", who, p.PacketID)
	case *packet.Pubrel:
		t.out.printf("%sPUBREL (Mid: %d)\n", who, p.PacketID)
	case *packet.Pubcomp:
		t.out.printf("%sPUBCOMP (Mid: %d, RC:%d)\n", who, p.PacketID, p.ReasonCode)
	case *packet.Suback:
		t.out.printf("%sSUBACK\n", who)
		if t.granted {
			t.out.printf("Subscribed (mid: %d): %s\n", p.PacketID, reasonList(p.ReasonCodes))
		}
	case *packet.Disconnect:
		t.out.printf("%sDISCONNECT (%d)\n", who, p.ReasonCode)
	default:
		t.out.printf("%s%v\n", who, p.Type())
	}
}

func publishText(p *packet.Publish, mid uint16) string {
	topic := p.Topic
	if topic == "" { // an alias stands for it
		topic = "(null)"
	}
	return fmt.Sprintf("(d%d, q%d, r%d, m%d, '%s', ... (%d bytes))", bit(p.Dup), p.QoS, bit(p.Retain), mid, topic, len(p.Payload))
}

func subscriptionOptions(s packet.Subscription) int {
	return bit(s.NoLocal)<<2 | bit(s.RetainAsPublished)<<3 | int(s.RetainHandling)<<4
}

func reasonList(codes []packet.ReasonCode) string {
	texts := make([]string, len(codes))
	for i, c := range codes {
		texts[i] = strconv.Itoa(int(c))
	}
	return strings.Join(texts, ", ")
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
