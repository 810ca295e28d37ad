package client

import (
	"fmt"

	"github.com/zancudomq/zancudo/packet"
)

// limits are what the CONNACK says that the server does not take.
type limits struct {
	size     int // of a packet in bytes; zero: any
	qos      packet.QoS
	noRetain bool
}

func (l *limits) set(p *packet.Connack) {
	*l = limits{size: int(p.MaximumPacketSize), qos: packet.ExactlyOnce, noRetain: p.RetainUnavailable}
	if p.MaximumQoS != nil {
		l.qos = *p.MaximumQoS
	}
}

// check examines an encoded PUBLISH.
func (l *limits) check(b []byte) error {
	switch {
	case l.size > 0 && len(b) > l.size: // [MQTT-3.2.2-15]
		return fmt.Errorf("packet of %d bytes, server takes %d: %w", len(b), l.size, packet.PacketTooLarge)
	case packet.QoS(b[0]>>1&3) > l.qos: // [MQTT-3.2.2-11]
		return fmt.Errorf("server takes up to QoS %d: %w", l.qos, packet.QoSNotSupported)
	case b[0]&1 != 0 && l.noRetain: // [MQTT-3.2.2-14]
		return fmt.Errorf("server does not retain messages: %w", packet.RetainNotSupported)
	}
	return nil
}
