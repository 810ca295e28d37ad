// Command v5 goes through the exchanges with github.com/eclipse/paho.golang and its autopaho.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"github.com/zancudomq/zancudo/test/interop/golang/exchanges"
)

func main() { os.Exit(exchanges.Main(dial)) }

type client struct {
	manager  *autopaho.ConnectionManager
	present  bool
	messages chan exchanges.Message
	up       chan *paho.Connack // a value for each connection
	end      context.CancelFunc // of the manager
	conn     atomic.Pointer[net.Conn]
	vanished atomic.Bool
}

func dial(o exchanges.Options) (exchanges.Client, error) {
	if o.Version != 5 {
		return nil, errors.New("the library speaks version 5 only")
	}
	ctx, end := context.WithCancel(context.Background())
	c := &client{messages: make(chan exchanges.Message, 1000), up: make(chan *paho.Connack, 100), end: end}
	refused := make(chan error, 100)
	config := autopaho.ClientConfig{
		ServerUrls:                    []*url.URL{{Scheme: "mqtt", Host: net.JoinHostPort(o.Host, o.Port)}},
		KeepAlive:                     60,
		CleanStartOnInitialConnection: o.Clean,
		SessionExpiryInterval:         o.Expiry,
		ReconnectBackoff:              autopaho.NewConstantBackoff(20 * time.Millisecond),
		ConnectTimeout:                exchanges.Patience,
		OnConnectionUp:                func(_ *autopaho.ConnectionManager, connack *paho.Connack) { c.up <- connack },
		OnConnectError:                func(err error) { refused <- err },
		OnConnectionDown:              func() bool { return !c.vanished.Load() },
		AttemptConnection:             c.open,
		ClientConfig: paho.ClientConfig{
			ClientID:          o.ID,
			PacketTimeout:     exchanges.Patience,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){c.received},
		},
	}
	if o.Will != "" {
		config.WillMessage = &paho.WillMessage{Topic: o.Will, QoS: 1, Payload: []byte("gone")}
	}
	var err error
	if c.manager, err = autopaho.NewConnection(ctx, config); err != nil {
		end()
		return nil, err
	}
	select {
	case connack := <-c.up:
		c.present = connack.SessionPresent
		return c, nil
	case err = <-refused:
	case <-time.After(exchanges.Patience):
		err = errors.New("no connection")
	}
	end()
	return nil, err
}

// open keeps the connection for Vanish.
func (c *client) open(ctx context.Context, _ autopaho.ClientConfig, u *url.URL) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	c.conn.Store(&conn)
	return conn, err
}

func (c *client) received(r paho.PublishReceived) (bool, error) {
	p, m := r.Packet, exchanges.Message{}
	m.Topic, m.QoS, m.Retain, m.Payload = p.Topic, p.QoS, p.Retain, p.Payload
	if properties := p.Properties; properties != nil {
		m.UTF8 = properties.PayloadFormat != nil && *properties.PayloadFormat == 1
		m.ContentType = properties.ContentType
		m.ResponseTopic = properties.ResponseTopic
		m.CorrelationData = properties.CorrelationData
		m.Expiry = properties.MessageExpiry
		for _, u := range properties.User {
			m.User = append(m.User, [2]string{u.Key, u.Value})
		}
		if id := properties.SubscriptionIdentifier; id != nil {
			m.Identifiers = []int{*id}
		}
	}
	c.messages <- m
	return true, nil
}

func (c *client) Present() bool                      { return c.present }
func (c *client) Messages() <-chan exchanges.Message { return c.messages }

func patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), exchanges.Patience)
}

func (c *client) Subscribe(filter string, qos byte, identifier int) error {
	ctx, cancel := patient()
	defer cancel()
	s := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: qos}}}
	if identifier != 0 {
		s.Properties = &paho.SubscribeProperties{SubscriptionIdentifier: &identifier}
	}
	suback, err := c.manager.Subscribe(ctx, s)
	if err != nil {
		return fmt.Errorf("SUBSCRIBE: %w", err)
	}
	if len(suback.Reasons) != 1 || suback.Reasons[0] != qos {
		return fmt.Errorf("granted is %v", suback.Reasons)
	}
	return nil
}

func (c *client) Publish(m exchanges.Message) error {
	ctx, cancel := patient()
	defer cancel()
	properties := &paho.PublishProperties{
		ContentType:     m.ContentType,
		ResponseTopic:   m.ResponseTopic,
		CorrelationData: m.CorrelationData,
		MessageExpiry:   m.Expiry,
	}
	if m.UTF8 {
		properties.PayloadFormat = new(byte(1))
	}
	if m.Alias != 0 {
		properties.TopicAlias = &m.Alias
	}
	for _, u := range m.User {
		properties.User.Add(u[0], u[1])
	}
	_, err := c.manager.Publish(ctx, &paho.Publish{
		Topic: m.Topic, QoS: m.QoS, Retain: m.Retain, Payload: m.Payload, Properties: properties,
	})
	if err != nil {
		return fmt.Errorf("PUBLISH: %w", err)
	}
	return nil
}

func (c *client) Reconnect() error {
	c.manager.TerminateConnectionForTest()
	select {
	case connack := <-c.up:
		if !connack.SessionPresent {
			return errors.New("no session present after a lost connection")
		}
		return nil
	case <-time.After(exchanges.Patience):
		return errors.New("no connection")
	}
}

func (c *client) Disconnect() error {
	defer c.end()
	ctx, cancel := patient()
	defer cancel()
	if err := c.manager.Disconnect(ctx); err != nil {
		return err
	}
	<-c.manager.Done()
	return nil
}

func (c *client) Vanish() error {
	c.vanished.Store(true)
	return (*c.conn.Load()).Close()
}
