package broker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// T-STATE, the poison tests: no message drives off those who receive it.

// Whatever is accepted from a publisher of any version can be sent to
// subscribers of every version, and they stay connected.
// CVE-2026-67418 (RabbitMQ), CVE-2017-7653 (Mosquitto), CVE-2020-13410 (Aedes), CVE-2025-10543 (Paho Go).
func TestPoison(t *testing.T) {
	t.Parallel()
	topics := []string{
		"a", "/", "//", "a//b", " ", "é", "\U0001F600", "\uFEFFa", "a\u2028b", strings.Repeat("x", 65535), strings.Repeat("/", 200), "$", "$x/y",
		"\x01", "\x7f", "\u0085", "\uFFFE", "\U0001FFFF", "\xff", "\xc0\x80", "\xed\xa0\x80", "a\x00b", "+", "a#", "",
	}
	properties := []packet.MessageProperties{
		{},
		{PayloadIsUTF8: true},
		{ContentType: strings.Repeat("c", 65535)},
		{ResponseTopic: "r/é"},
		{ResponseTopic: "r/#"},
		{CorrelationData: []byte{}},
		{CorrelationData: make([]byte, 65535)},
		{ContentType: "\xff"},
		{ContentType: "\x01"},
		{UserProperties: []packet.UserProperty{{}, {Name: "k", Value: "v"}, {Name: "k", Value: strings.Repeat("v", 60000)}}},
		{UserProperties: []packet.UserProperty{{Name: "\xff"}}},
		{UserProperties: make([]packet.UserProperty, 64)},
		{UserProperties: make([]packet.UserProperty, 65)},
	}
	inHouse(t, Options{}, func(h *house) {
		var subscribers []*mqtttest.Client
		for i, words := range []string{"v31", "", "v5", "v5 alias-maximum=2", "v5 maximum-packet-size=100", "v5 receive-maximum=1"} {
			s := h.connect(fmt.Sprintf("%s id=s%d clean", words, i))
			s.SendText("SUBSCRIBE 1 # qos=2 $x/y " + `"$"`)
			s.Expect("SUBACK ...")
			subscribers = append(subscribers, s)
		}
		accepted := 0
		try := func(m packet.Message, p packet.Publish) {
			for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
				p.Message = m
				if p.QoS > 0 {
					p.PacketID = 1
				}
				b, err := p.Append(nil, v)
				if err != nil {
					continue
				}
				if bytes.Contains(hostile(h, v, append(b, 0xC0, 0)), []byte{0xD0, 0}) {
					accepted++
				}
				h.Publish(m.Clone())
				w := packet.Will{Message: m}
				b, err = (&packet.Connect{Version: v, ClientID: "w", CleanStart: true, Will: &w}).Append(nil, v)
				if err == nil {
					hostile(h, 0, b)
				}
			}
			for _, s := range subscribers {
				for {
					q, ok := s.Next()
					if !ok {
						break
					}
					switch q := q.(type) {
					case *packet.Publish:
						switch q.QoS {
						case packet.AtLeastOnce:
							s.Send(&packet.Puback{Ack: packet.Ack{PacketID: q.PacketID}})
						case packet.AtMostOnce:
						case packet.ExactlyOnce:
							s.Send(&packet.Pubrec{Ack: packet.Ack{PacketID: q.PacketID}})
						}
					case *packet.Pubrel:
						s.Send(&packet.Pubcomp{Ack: packet.Ack{PacketID: q.PacketID}})
					}
					synctest.Wait()
				}
			}
		}
		for i, name := range topics {
			try(packet.Message{Topic: name, QoS: packet.QoS(i % 3), Payload: []byte("x")}, packet.Publish{})
			try(packet.Message{Topic: name, Retain: true}, packet.Publish{HasMessageExpiry: true, MessageExpiry: 0xFFFFFFFF})
		}
		for i := range properties {
			try(packet.Message{Topic: "p", QoS: packet.QoS(i % 3), Properties: &properties[i], Payload: []byte{0xFF}}, packet.Publish{})
		}
		try(packet.Message{Topic: "large", QoS: 1, Payload: make([]byte, 1<<20)}, packet.Publish{})
		if accepted < 40 {
			t.Errorf("only %d messages were accepted", accepted)
		}
		for i, s := range subscribers {
			s.SendText("PINGREQ")
			if p := s.Read(); p.Type() != packet.PINGRESP {
				t.Errorf("subscriber %d: came %v", i, p)
			}
		}
		if n := h.Stats().Connected; n != len(subscribers) {
			t.Errorf("%d subscribers are left of %d", n, len(subscribers))
		}
	})
}

// The same for what an interceptor makes of a message.
func TestPoisonOfInterceptor(t *testing.T) {
	t.Parallel()
	for _, bad := range []packet.Message{
		{Topic: "\xff"},
		{Topic: "a\x00"},
		{Topic: ""},
		{Topic: "#"},
		{Topic: "a", QoS: 3},
		{Topic: strings.Repeat("/", 201)},
		{Topic: "a", Properties: &packet.MessageProperties{ContentType: "\xff"}},
		{Topic: "a", Properties: &packet.MessageProperties{ResponseTopic: "#"}},
		{Topic: "a", Properties: &packet.MessageProperties{UserProperties: []packet.UserProperty{{Name: strings.Repeat("x", 65536)}}}},
	} {
		rewrite := interceptor(func(*Client, *packet.Message) (*packet.Message, error) { return bad.Clone(), nil })
		inHouse(t, Options{Interceptors: []Interceptor{rewrite}}, func(h *house) {
			s := h.subscriber("v5 id=s", "# qos=2")
			c := h.connect("v5 id=c will-topic=w will-payload=x")
			c.SendText("PUBLISH x x", "PUBLISH 1 x qos=1 x", "PUBLISH 2 x qos=2 x")
			synctest.Wait()
			c.Drop()
			synctest.Wait()
			s.SendText("PINGREQ")
			s.Expect("PINGRESP")
			if err := h.Publish(bad.Clone()); err == nil {
				t.Errorf("the program may publish %.20q", bad.Topic)
			}
		})
	}
}
