package logs

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// TracePacket logs a packet of a client as Mosquitto does. It is for
// broker.Trace, and only worth its time while lines of Debug are written.
func (l *Log) TracePacket(c *broker.Client, d broker.Direction, p packet.Packet) {
	ctx, logger := context.Background(), l.Logger()
	if !logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	if connect, ok := p.(*packet.Connect); ok {
		tellWill(logger, connect.Will)
		return
	}
	attrs := append([]slog.Attr{slog.String("client", c.ID()), slog.String("packet", p.Type().String())}, describe(p)...)
	if d == broker.Received {
		logger.LogAttrs(ctx, slog.LevelDebug, msgReceived, attrs...)
	} else {
		logger.LogAttrs(ctx, slog.LevelDebug, msgSent, attrs...)
	}
	for _, filter := range filters(p) {
		logger.Debug(msgDetail, "text", "\t"+filter)
	}
}

// tellWill logs what a CONNECT says beyond what is logged of every client.
func tellWill(logger *slog.Logger, w *packet.Will) {
	if w == nil {
		logger.Debug(msgDetail, "text", "No will message specified.")
		return
	}
	logger.Debug(msgDetail, "text", fmt.Sprintf("Will message specified (%d bytes) (r%d, q%d).", len(w.Payload), bit(w.Retain), w.QoS))
	logger.Debug(msgDetail, "text", "\t"+w.Topic)
}

// describe returns what a line says of a packet.
func describe(p packet.Packet) []slog.Attr {
	switch p := p.(type) {
	case *packet.Connack:
		return []slog.Attr{slog.Bool("session_present", p.SessionPresent), reason(p.ReasonCode)}
	case *packet.Publish:
		return []slog.Attr{
			slog.Bool("dup", p.Dup), slog.Int("qos", int(p.QoS)), slog.Bool("retain", p.Retain), id(p.PacketID),
			slog.String("topic", p.Topic), slog.Int("bytes", len(p.Payload)),
		}
	case *packet.Puback:
		return []slog.Attr{id(p.PacketID), reason(p.ReasonCode)}
	case *packet.Pubrec:
		return []slog.Attr{id(p.PacketID), reason(p.ReasonCode)}
	case *packet.Pubrel:
		return []slog.Attr{id(p.PacketID), reason(p.ReasonCode)}
	case *packet.Pubcomp:
		return []slog.Attr{id(p.PacketID), reason(p.ReasonCode)}
	case *packet.Disconnect:
		return []slog.Attr{reason(p.ReasonCode)}
	case *packet.Auth:
		return []slog.Attr{reason(p.ReasonCode)}
	default:
		return nil
	}
}

func id(n uint16) slog.Attr                   { return slog.Int("packet_id", int(n)) }
func reason(code packet.ReasonCode) slog.Attr { return slog.Int("reason", int(code)) }

// filters are the lines that follow that of a packet.
func filters(p packet.Packet) []string {
	var all []string
	switch p := p.(type) {
	case *packet.Subscribe:
		for i := range p.Subscriptions {
			all = append(all, fmt.Sprintf("%s (QoS %d)", p.Subscriptions[i].Filter, p.Subscriptions[i].QoS))
		}
	case *packet.Unsubscribe:
		all = p.Filters
	default:
	}
	return all
}

// appendPacket appends the sentence on a packet.
func appendPacket(b []byte, message string, a attrs) []byte {
	name, received := a.text("packet"), message == msgReceived
	way, middle := "Sending ", " to "
	if received {
		way, middle = "Received ", " from "
	}
	b = append(append(append(b, way...), name...), middle...)
	b = appendText(b, a.text("client"))
	switch name {
	case "PUBLISH":
		return appendPublish(append(b, ' '), a)
	case "CONNACK":
		return append(b, " ("+strconv.Itoa(a.bit("session_present"))+", "+a.text("reason")+")"...)
	case "PUBACK", "PUBCOMP":
		if received {
			return append(b, " (Mid: "+a.text("packet_id")+", RC:"+a.text("reason")+")"...)
		}
		return appendAck(b, name, a)
	case "PUBREC", "PUBREL":
		if received {
			return append(b, " (Mid: "+a.text("packet_id")+")"...)
		}
		return appendAck(b, name, a)
	case "DISCONNECT", "AUTH":
		if !received {
			return append(b, " (rc"+a.text("reason")+")"...)
		}
	}
	return b
}

// appendAck appends which message an acknowledgement is of, and where Mosquitto
// has it, how it went.
func appendAck(b []byte, name string, a attrs) []byte {
	b = append(b, " (m"+a.text("packet_id")...)
	if name == "PUBACK" || name == "PUBREC" {
		b = append(b, ", rc"+a.text("reason")...)
	}
	return append(b, ')')
}

// appendPublish appends what a PUBLISH carries.
func appendPublish(b []byte, a attrs) []byte {
	b = append(strconv.AppendInt(append(b, "(d"...), int64(a.bit("dup")), 10), ", q"...)
	b = append(append(b, a.text("qos")...), ", r"...)
	b = append(strconv.AppendInt(b, int64(a.bit("retain")), 10), ", m"...)
	b = append(append(b, a.text("packet_id")...), ", '"...)
	b = append(appendText(b, a.text("topic")), "', ... ("...)
	return append(append(b, a.text("bytes")...), " bytes))"...)
}

// bit is 1 for true.
func (a attrs) bit(key string) int {
	v, ok := a.find(key)
	return bit(ok && v.Kind() == slog.KindBool && v.Bool())
}

func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}
