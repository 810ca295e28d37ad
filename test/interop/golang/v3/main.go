// Command v3 goes through the exchanges with github.com/eclipse/paho.mqtt.golang.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/zancudomq/zancudo/test/interop/golang/exchanges"
)

func main() { os.Exit(exchanges.Main(dial)) }

type client struct {
	mqtt     mqtt.Client
	present  bool
	messages chan exchanges.Message
	up       chan struct{} // a value for each connection

	mu   sync.Mutex
	conn net.Conn
}

func dial(o exchanges.Options) (exchanges.Client, error) {
	c := &client{messages: make(chan exchanges.Message, 1000), up: make(chan struct{}, 100)}
	options := mqtt.NewClientOptions().
		AddBroker("tcp://" + net.JoinHostPort(o.Host, o.Port)).
		SetProtocolVersion(uint(o.Version)).
		SetClientID(o.ID).
		SetCleanSession(o.Clean).
		SetAutoReconnect(o.Will == ""). // the others vanish for good
		SetMaxReconnectInterval(100 * time.Millisecond).
		SetCustomOpenConnectionFn(c.open).
		SetOnConnectHandler(func(mqtt.Client) { c.up <- struct{}{} }).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			c.messages <- exchanges.Message{Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retain: m.Retained()}
		})
	if o.Will != "" {
		options.SetWill(o.Will, "gone", 1, false)
	}
	c.mqtt = mqtt.NewClient(options)
	token := c.mqtt.Connect()
	if err := done(token, "CONNECT"); err != nil {
		return nil, err
	}
	if t, ok := token.(*mqtt.ConnectToken); ok {
		c.present = t.SessionPresent()
	}
	return c, c.awaitUp()
}

// open keeps the connection for Reconnect and Vanish.
func (c *client) open(uri *url.URL, options mqtt.ClientOptions) (net.Conn, error) {
	conn, err := options.Dialer.Dial("tcp", uri.Host)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	return conn, err
}

func (c *client) awaitUp() error {
	select {
	case <-c.up:
		return nil
	case <-time.After(exchanges.Patience):
		return errors.New("no connection")
	}
}

// closeConn says no more to the broker. The library takes a connection that was closed here for its own doing.
func (c *client) closeConn() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	tcp, ok := c.conn.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("the connection is a %T", c.conn)
	}
	return tcp.CloseWrite()
}

func (c *client) Present() bool                      { return c.present }
func (c *client) Messages() <-chan exchanges.Message { return c.messages }

func (c *client) Subscribe(filter string, qos byte, _ int) error {
	token := c.mqtt.Subscribe(filter, qos, nil)
	if err := done(token, "SUBSCRIBE"); err != nil {
		return err
	}
	if t, ok := token.(*mqtt.SubscribeToken); ok && t.Result()[filter] != qos {
		return fmt.Errorf("granted is %v", t.Result())
	}
	return nil
}

func (c *client) Publish(m exchanges.Message) error {
	return done(c.mqtt.Publish(m.Topic, m.QoS, m.Retain, m.Payload), "PUBLISH")
}

func (c *client) Reconnect() error {
	if err := c.closeConn(); err != nil {
		return err
	}
	return c.awaitUp()
}

func (c *client) Disconnect() error {
	c.mqtt.Disconnect(uint(exchanges.Patience.Milliseconds()))
	return nil
}

func (c *client) Vanish() error { return c.closeConn() }

func done(t mqtt.Token, what string) error {
	if !t.WaitTimeout(exchanges.Patience) {
		return fmt.Errorf("no end of %s after %v", what, exchanges.Patience)
	}
	if err := t.Error(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
