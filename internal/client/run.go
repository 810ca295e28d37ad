package client

import (
	"context"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// run keeps the Client connected, beginning with n. It owns all of its
// goroutines.
func (c *Client) run(ctx context.Context, n *conn) {
	for {
		err := lost(c.serve(ctx, n))
		if n, err = c.reconnect(ctx, err); err != nil {
			c.mu.Lock()
			if c.err == nil {
				c.err = err
			}
			c.changed.Broadcast()
			c.mu.Unlock()
			return
		}
	}
}

// serve runs a connection to its end and says why it ended.
func (c *Client) serve(ctx context.Context, n *conn) error {
	ctx, cancel := context.WithCancel(ctx)
	var owned sync.WaitGroup
	owned.Go(n.read)
	owned.Go(n.write)
	if c.options.OnConnect != nil {
		owned.Go(func() { c.options.OnConnect(ctx, n.connack) })
	}
	c.keepAlive(n)
	c.mu.Lock()
	c.conn = nil
	for id, waiting := range c.requests {
		close(waiting)
		delete(c.requests, id)
	}
	c.changed.Broadcast()
	err := n.err
	c.mu.Unlock()
	cancel()
	owned.Wait()
	return err
}

// keepAlive sends PINGREQ when nothing else was sent or received for the Keep
// Alive interval [MQTT-3.1.2-20], and ends a connection that is silent for
// another one. It returns when the reader has ended.
func (c *Client) keepAlive(n *conn) {
	seconds := c.options.Connect.KeepAlive
	if n.connack.ServerKeepAlive != nil { // [MQTT-3.2.2-21]
		seconds = *n.connack.ServerKeepAlive
	}
	if seconds == 0 {
		<-n.gone
		return
	}
	interval := time.Duration(seconds) * time.Second
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-n.gone:
			return
		case <-timer.C:
		}
		wait, err := n.ping(time.Now(), interval)
		if err != nil {
			n.end(err)
			<-n.gone
			return
		}
		timer.Reset(wait)
	}
}

// ping sends PINGREQ if it is due, and says when to look again.
func (n *conn) ping(now time.Time, interval time.Duration) (time.Duration, error) {
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	if !n.pinged.IsZero() && n.lastRead.Before(n.pinged) {
		if silent := now.Sub(n.pinged); silent < interval {
			return interval - silent, nil
		}
		return 0, errKeepAlive
	}
	idle := now.Sub(n.lastWrite)
	if quiet := now.Sub(n.lastRead); quiet > idle {
		idle = quiet
	}
	if idle < interval {
		return interval - idle, nil
	}
	n.pinged = now
	n.say(&packet.Pingreq{})
	n.flush()
	return interval, nil
}

// reconnect renews the connection, which was lost because of err, as long as
// Options.Reconnect wants it.
func (c *Client) reconnect(ctx context.Context, err error) (*conn, error) {
	for attempt := 0; ; attempt++ {
		if c.ending.Load() || c.options.Reconnect == nil {
			return nil, c.endedBy(err)
		}
		wait, again := c.options.Reconnect(attempt, err)
		if !again {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ErrClosed
		}
		n, openErr := c.open(ctx, true)
		if openErr == nil {
			c.attach(n)
			return n, nil
		}
		err = openErr
	}
}

// endedBy is the reason of the Client's end when its connection ended by err.
func (c *Client) endedBy(err error) error {
	if c.ending.Load() {
		return ErrClosed
	}
	return err
}
