package packet_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/zancudomq/zancudo/packet"
)

// Encode a packet, and decode it again.
func Example() {
	b, err := (&packet.Publish{
		Message: packet.Message{Topic: "a/b", Payload: []byte("hello")},
	}).Append(nil, packet.V311)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("% x\n", b)

	d := packet.Decoder{Version: packet.V311}
	p, n, err := d.Decode(b)
	fmt.Println(p, n, err)
	// Output:
	// 30 0a 00 03 61 2f 62 68 65 6c 6c 6f
	// PUBLISH a/b hello 12 <nil>
}

// Read the packets of a connection.
func ExampleReader() {
	connection := strings.NewReader("\x20\x02\x00\x00" + "\x30\x0a\x00\x03a/bhello" + "\xd0\x00")
	r := packet.NewReader(connection, packet.V311)
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		switch p := p.(type) {
		case *packet.Publish:
			fmt.Printf("%s on %s\n", p.Payload, p.Topic)
		default:
			fmt.Println(p)
		}
	}
	// Output:
	// CONNACK
	// hello on a/b
	// PINGRESP
}

// A server does not know the version before the CONNECT says it.
func ExampleDecoder() {
	received := []byte("\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02me" + "\xc0\x00" + "\x30\x0a\x00")
	var d packet.Decoder
	for {
		p, n, err := d.Decode(received)
		if err != nil {
			fmt.Println(err)
			return
		}
		if p == nil {
			fmt.Printf("wait for the rest of % x\n", received)
			return
		}
		fmt.Println(p)
		received = received[n:]
	}
	// Output:
	// CONNECT id=me clean keepalive=60
	// PINGREQ
	// wait for the rest of 30 0a 00
}

// Wrap a reason code to tell the peer what was wrong.
func ExampleReasonCode() {
	err := fmt.Errorf("line 12 denies: %w", packet.NotAuthorized)
	var code packet.ReasonCode
	if errors.As(err, &code) {
		ack := &packet.Puback{Ack: packet.Ack{PacketID: 7, ReasonCode: code, ReasonString: err.Error()}}
		fmt.Println(ack)
	}
	// Output: PUBACK 7 0x87 reason="line 12 denies: not authorized"
}
