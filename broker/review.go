package broker

import "github.com/zancudomq/zancudo/packet"

// Review asks the Authenticator of the listener, if it is a Reviewer, whether
// the clients that are connected by it may stay, and disconnects the others. Who
// is on the way while the listener is changed is asked about as well. It returns
// how many had to go.
func (l *Listener) Review() (gone int) {
	reviewer, ok := l.rules.Load().Authenticator.(Reviewer)
	if !ok {
		return 0
	}
	b := l.broker
	b.mu.Lock()
	conns := b.life.by(l)
	b.mu.Unlock()
	for _, c := range conns {
		if !c.attached.Load() {
			continue // it will see the new rules itself
		}
		if err := c.review(reviewer); err != nil {
			gone++
			c.kick(err)
		}
	}
	return gone
}

// review asks whether the client of the connection may stay.
func (c *conn) review(r Reviewer) error {
	c.client.mu.Lock()
	credential, here := c.credential, c.client.conn == c
	c.client.mu.Unlock()
	if !here {
		return nil // it is leaving
	}
	if err := r.Review(c.client.owner(), credential); err != nil {
		return withReason(err, packet.NotAuthorized)
	}
	return nil
}

// reviewLate asks it of a client that has just been let in: what the
// Authenticator has decided by may have changed meanwhile, and who did that could
// not find the client.
func (c *conn) reviewLate() error {
	if reviewer, ok := c.listener.rules.Load().Authenticator.(Reviewer); ok {
		return c.review(reviewer)
	}
	return nil
}
