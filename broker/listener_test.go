package broker

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// door is a Listener with a socket in memory.
type door struct {
	*Listener
	socket *memnet.Listener
	served chan error
}

func (h *house) open(o ListenerOptions) *door {
	h.Helper()
	d := &door{Listener: h.Listener(o), socket: memnet.Listen(), served: make(chan error, 1)}
	go func() { d.served <- d.Serve(d.socket) }()
	return d
}

func (d *door) connect(h *house, words, connack string) *mqtttest.Client {
	h.Helper()
	conn, err := d.socket.Dial()
	if err != nil {
		h.Fatal(err)
	}
	c := mqtttest.NewClient(h.T, conn, packet.V311)
	c.SendText("CONNECT " + words)
	c.Expect("CONNACK " + connack)
	return c
}

func TestListenerOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, words, connack string
		options              ListenerOptions
	}{
		{"as the broker", "v5 id=c clean", "receive-maximum=20 maximum-packet-size=2000000 alias-maximum=10", ListenerOptions{}},
		{"version", "v311 id=c clean", "0x84", ListenerOptions{Versions: []packet.Version{packet.V5}}},
		{"QoS", "v5 id=c clean", "receive-maximum=20 maximum-packet-size=2000000 alias-maximum=10 maximum-qos=0", ListenerOptions{MaxQoS: new(packet.AtMostOnce)}},
		{"aliases", "v5 id=c clean", "receive-maximum=20 maximum-packet-size=2000000 alias-maximum=3", ListenerOptions{MaxTopicAlias: 3}},
		{"no aliases", "v5 id=c clean", "receive-maximum=20 maximum-packet-size=2000000", ListenerOptions{MaxTopicAlias: -1}},
		{"user name for an identifier", "v5 id=c clean username=me", "...", ListenerOptions{UsernameAsClientID: true}},
		{"no user name for an identifier", "v5 id=c clean", "0x87", ListenerOptions{UsernameAsClientID: true}},
		{"authenticator", "v5 id=c clean", "0x86", ListenerOptions{Authenticator: passwords{}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, Options{}, func(h *house) {
				c := h.open(test.options).connect(h, test.words, test.connack)
				for cl := range h.Clients() {
					if want := "me"; test.options.UsernameAsClientID && cl.ID() != want {
						t.Errorf("client identifier is %q, want %q", cl.ID(), want)
					}
				}
				h.alive() // by the other listener, which has no such options
				c.Drop()
			})
		})
	}
}

// What a client names lies under the mount point, and it sees nothing else.
func TestMountPoint(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		home := h.open(ListenerOptions{MountPoint: "home/"})
		watch := h.subscriber("id=watch clean", "#")
		in := home.connect(h, "v5 id=in clean will-topic=gone will-payload=x alias-maximum=2", "...")
		in.SendText("SUBSCRIBE 1 #", "SUBSCRIBE 2 $share/g/lamp")
		in.Expect("SUBACK 1 0", "SUBACK 2 0")
		in.SendText("PUBLISH 3 lamp qos=1 retain on")
		in.Expect("PUBLISH lamp alias=1 on", `PUBLISH "" alias=1 on`, "PUBACK 3")
		watch.Expect("PUBLISH home/lamp on")
		h.Publish(&packet.Message{Topic: "garden/lamp", Payload: []byte("off")})
		h.Publish(&packet.Message{Topic: "home", Payload: []byte("parent")})
		watch.Expect("PUBLISH garden/lamp off", "PUBLISH home parent")
		in.Silent()
		late := home.connect(h, "id=late clean", "")
		late.SendText("SUBSCRIBE 1 +")
		late.Expect("SUBACK 1 0", "PUBLISH lamp retain on")
		in.SendText("UNSUBSCRIBE 4 # $share/g/lamp $share/g/other")
		in.Expect("UNSUBACK 4 0 0 0x11")
		in.SendText("SUBSCRIBE 5 $SYS/#")
		in.Expect("SUBACK 5 0")
		h.Publish(&packet.Message{Topic: "$SYS/x", Payload: []byte("secret")})
		in.Silent()
		in.Drop()
		late.Expect("PUBLISH gone x")
		watch.Expect("PUBLISH home/gone x")
	})
}

func TestListenerMaxConnections(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		d := h.open(ListenerOptions{MaxConnections: 1})
		first := d.connect(h, "v5 id=one clean", "...")
		second := d.connect(h, "v5 id=two clean", "0x97 ...")
		second.Closed()
		again := d.connect(h, "v5 id=one clean", "...") // in its own place
		first.Expect("DISCONNECT 0x8e")
		first.Closed()
		h.alive()
		again.SendText("DISCONNECT")
		again.Closed()
		synctest.Wait()
		if n := d.Connected(); n != 0 {
			t.Errorf("%d connected", n)
		}
		d.connect(h, "v5 id=two clean", "...")
	})
}

// Closing a listener ends its connections and no others.
func TestListenerClose(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		before := h.inventory()
		d := h.open(ListenerOptions{})
		stays := h.connect("id=stays clean")
		goes := d.connect(h, "v5 id=goes clean", "...")
		d.Close(nil)
		goes.Expect("DISCONNECT 0x98 ...")
		goes.Closed()
		if err := <-d.served; !errors.Is(err, ErrClosed) {
			t.Errorf("Serve returned %v", err)
		}
		if err := d.Serve(memnet.Listen()); !errors.Is(err, ErrClosed) {
			t.Errorf("Serve of a closed Listener returned %v", err)
		}
		stays.SendText("PINGREQ")
		stays.Expect("PINGRESP")
		stays.Drop()
		h.same(before)
	})
}

// A change of options disconnects nobody, and holds for who comes next.
func TestChange(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		d := h.open(ListenerOptions{})
		c := d.connect(h, "v5 id=c clean alias-maximum=5", "...")
		c.SendText("SUBSCRIBE 1 a qos=1")
		c.Expect("SUBACK 1 1")
		h.Change(Options{
			MaxPacketSize: 100, MaxInflight: 1, MaxQueued: 1, MaxTopicAlias: -1, MaxSendTopicAlias: -1, MaxConnections: 1,
			MaxQoS: new(packet.AtMostOnce), Versions: []packet.Version{packet.V5}, MaxSubscriptions: 1, MaxKeepAlive: 1e9,
		})
		d.Change(ListenerOptions{MaxConnections: 1, MountPoint: "m/"})
		// What it was told still holds.
		c.SendText("PUBLISH 1 a qos=2 alias=7 x", "PUBLISH 2 b qos=2 y", "PINGREQ")
		c.Expect("PUBLISH 1 a qos=1 alias=1 x", "PUBREC 1", "PUBREC 2 0x10", "PINGRESP")
		// The limits of its queue are the new ones: one under way, one waits.
		for range 3 {
			h.Publish(&packet.Message{Topic: "a", QoS: 1, Payload: []byte("z")})
		}
		c.SendText("PUBACK 1")
		c.Expect(`PUBLISH 2 "" qos=1 alias=1 z`)
		c.SendText("PUBACK 2")
		c.Silent()
		c.SendText("SUBSCRIBE 3 other")
		c.Expect("SUBACK 3 0x97")
		d.connect(h, "v5 id=full clean", "0x97 ...").Closed()
		d.connect(h, "id=old clean", "0x84").Closed()
		again := d.connect(h, "v5 id=c clean", "receive-maximum=1 maximum-packet-size=100 maximum-qos=0 keepalive=*")
		again.Drop()
	})
}

// filtered is a listener that cannot be compared, as an embedder may write one.
type filtered struct {
	net.Listener
	let func(net.Conn) bool
}

func (f filtered) Accept() (net.Conn, error) {
	for {
		c, err := f.Listener.Accept()
		if err != nil || f.let(c) {
			return c, err
		}
	}
}

func TestListenerThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	l := memnet.Listen()
	b := New(Options{})
	served := make(chan error, 1)
	go func() { served <- b.Serve(filtered{l, func(net.Conn) bool { return true }}) }()
	c, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hello, err := (&packet.Connect{Version: packet.V311, CleanStart: true, ClientID: "c"}).Append(nil, packet.V311)
	if err != nil {
		t.Fatal(err)
	}
	c.Write(hello)
	if p, err := packet.NewReader(c, packet.V311).Next(); err != nil || p.Type() != packet.CONNACK {
		t.Errorf("got %v, %v", p, err)
	}
	b.Close()
	if err := <-served; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// The Authorizer of a listener decides about those who have come by it, and
// another one decides at once about those who are connected.
func TestListenerAuthorizer(t *testing.T) {
	t.Parallel()
	strict, open := &denials{}, &denials{}
	for _, rule := range []string{"* publish no/#", "* subscribe no/#", "* receive mute"} {
		strict.deny(rule)
	}
	inHouse(t, Options{}, func(h *house) {
		d := h.open(ListenerOptions{Authorizer: strict})
		free := h.subscriber("id=free clean", "#")
		c := d.connect(h, "v5 id=c", "...")
		c.SendText("SUBSCRIBE 1 no/1 mute qos=1")
		c.Expect("SUBACK 1 0x87 1")
		c.SendText("PUBLISH 2 no/1 qos=1 x", "PUBLISH 3 yes qos=1 x")
		c.Expect("PUBACK 2 0x87", "PUBACK 3")
		free.Expect("PUBLISH yes x")
		h.Publish(&packet.Message{Topic: "mute", Payload: []byte("x")})
		c.Silent()
		free.Expect("PUBLISH mute x")
		d.Change(ListenerOptions{Authorizer: open})
		h.Publish(&packet.Message{Topic: "mute", Payload: []byte("y")})
		c.Expect("PUBLISH mute y")
		c.SendText("PUBLISH 2 no/1 qos=1 x")
		c.Expect("PUBACK 2")
		d.connect(h, "id=w will-topic=no/will will-payload=x clean", "")
		d.Change(ListenerOptions{Authorizer: strict})
		d.connect(h, "v5 id=w2 will-topic=no/will will-payload=x clean", "0x87").Closed()
	})
}

// When a listener is closed, what it allowed to those who came by it is nothing
// any more: the Authorizer of the broker decides about them.
func TestAuthorizerOfAClosedListener(t *testing.T) {
	t.Parallel()
	all := &denials{}
	inHouse(t, Options{Authorizer: all}, func(h *house) {
		d := h.open(ListenerOptions{Authorizer: &denials{}})
		c := d.connect(h, "v5 id=c session-expiry=60", "...")
		c.SendText("SUBSCRIBE 1 mute qos=1")
		c.Expect("SUBACK 1 1")
		c.SendText("PUBLISH 2 kept qos=1 retain x")
		c.Expect("PUBACK 2 0x10")
		d.Close(nil)
		synctest.Wait()
		all.deny("c receive mute")
		all.deny("c publish kept")
		h.Publish(&packet.Message{Topic: "mute", QoS: 1, Payload: []byte("x")})
		for cl := range h.Clients() {
			if _, queued := cl.Queue(); queued != 0 {
				t.Errorf("%d wait for %s", queued, cl.ID())
			}
		}
		h.subscriber("id=other clean", "kept").Silent()
	})
}

// keeper is an Authorizer that lets nobody end a subscription to "keep".
type keeper struct{ denials }

func (*keeper) AuthorizeUnsubscribe(_ *Client, filter string) error {
	if filter == "keep" {
		return packet.NotAuthorized
	}
	return nil
}

func TestAuthorizeUnsubscribe(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{Authorizer: &keeper{}}, func(h *house) {
		c := h.subscriber("v5 id=c", "keep let")
		c.SendText("UNSUBSCRIBE 2 let keep none")
		c.Expect("UNSUBACK 2 0 0x87 0x11")
		h.Publish(&packet.Message{Topic: "keep", Payload: []byte("x")})
		h.Publish(&packet.Message{Topic: "let", Payload: []byte("x")})
		c.Expect("PUBLISH keep x")
		c.Silent()
	})
}
