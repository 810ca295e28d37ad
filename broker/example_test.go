package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// A broker serves a listener until it is shut down.
func Example() {
	b := broker.New(broker.Options{}) // open, in memory, logs nothing
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- b.Serve(listener) }()

	fmt.Println(connect(listener.Addr().String(), &packet.Connect{Version: packet.V5, ClientID: "kitchen"}))

	if err := b.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(errors.Is(<-served, broker.ErrClosed))
	// Output:
	// CONNACK receive-maximum=20 maximum-packet-size=2000000 alias-maximum=10
	// true
}

// The program that embeds a broker publishes without a client.
func ExampleBroker_Publish() {
	b := broker.New(broker.Options{})
	defer b.Close()

	err := b.Publish(&packet.Message{Topic: "hello", Payload: []byte("world"), Retain: true})
	fmt.Println(err, b.Stats().Retained)
	fmt.Println(b.Publish(&packet.Message{Topic: "hello/#"}))
	// Output:
	// <nil> 1
	// topic name "hello/#": a topic name must not contain a wildcard (+ or #): topic name invalid
}

// The program that embeds a broker subscribes without a client. Retained
// messages come first.
func ExampleBroker_Subscribe() {
	b := broker.New(broker.Options{})
	defer b.Close()
	if err := b.Publish(&packet.Message{Topic: "hello/world", Payload: []byte("retained"), Retain: true}); err != nil {
		fmt.Println(err)
	}

	stop, err := b.Subscribe("hello/#", func(m *packet.Message) { fmt.Printf("%s: %s\n", m.Topic, m.Payload) })
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"one", "two"} {
		if err := b.Publish(&packet.Message{Topic: "hello/moon", Payload: []byte(text)}); err != nil {
			fmt.Println(err)
		}
	}
	stop()
	// Output:
	// hello/world: retained
	// hello/moon: one
	// hello/moon: two
}

// passwordFile knows users and their passwords. Do not keep them like this.
type passwordFile map[string]string

func (f passwordFile) Authenticate(_ context.Context, c *broker.ConnectRequest) error {
	if password, known := f[c.Username]; !known || password != string(c.Password) {
		return fmt.Errorf("user %q: %w", c.Username, packet.BadUserNameOrPassword)
	}
	return nil
}

// An Authenticator decides who may connect.
func ExampleAuthenticator() {
	b := broker.New(broker.Options{Authenticator: passwordFile{"ada": "engine"}})
	defer b.Close()
	address := serve(b)

	ada := &packet.Connect{Version: packet.V311, ClientID: "c", HasUsername: true, Username: "ada", HasPassword: true}
	ada.Password = []byte("wrong")
	fmt.Println(connect(address, ada))
	ada.Password = []byte("engine")
	fmt.Println(connect(address, ada))
	// Output:
	// CONNACK 0x86
	// CONNACK
}

// ownTopics lets each client publish below its own identifier only.
type ownTopics struct{}

func (ownTopics) Authorize(c *broker.Client, a broker.Action, topic string) error {
	if a == broker.Publish && !strings.HasPrefix(topic, "devices/"+c.ID()+"/") {
		return fmt.Errorf("%s may not %v to %s: %w", c.ID(), a, topic, packet.NotAuthorized)
	}
	return nil
}

// An Authorizer decides who may publish, subscribe to and receive what.
func ExampleAuthorizer() {
	b := broker.New(broker.Options{Authorizer: ownTopics{}})
	defer b.Close()
	address := serve(b)

	client := &packet.Connect{Version: packet.V5, ClientID: "lamp"}
	for _, topic := range []string{"devices/lamp/state", "devices/door/state"} {
		fmt.Println(connect(address, client, &packet.Publish{Message: packet.Message{Topic: topic, QoS: packet.AtLeastOnce}, PacketID: 1}))
	}
	// Output:
	// PUBACK 1 0x10
	// PUBACK 1 0x87
}

// Clients are those that have a session, connected or not.
func ExampleBroker_Clients() {
	b := broker.New(broker.Options{})
	defer b.Close()
	subscribe := &packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "lights/#"}}}
	connect(serve(b), &packet.Connect{Version: packet.V311, ClientID: "lamp"}, subscribe)

	for c := range b.Clients() {
		fmt.Println(c.ID(), c.Subscriptions())
		c.Disconnect(packet.AdministrativeAction)
	}
	// Output:
	// lamp [lights/#]
}

// serve has b serve a free port of this machine.
func serve(b *broker.Broker) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return ""
	}
	go b.Serve(listener)
	return listener.Addr().String()
}

// connect sends packets, the next when the last has been answered, and returns
// the last answer.
func connect(address string, connect *packet.Connect, packets ...packet.Packet) (answer packet.Packet) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		fmt.Println(err)
		return nil
	}
	defer c.Close()
	answers := packet.NewReader(c, connect.Version)
	for _, p := range append([]packet.Packet{connect}, packets...) {
		b, err := p.Append(nil, connect.Version)
		if err == nil {
			_, err = c.Write(b)
		}
		if err == nil {
			answer, err = answers.Next()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			fmt.Println(err)
		}
	}
	return answer
}
