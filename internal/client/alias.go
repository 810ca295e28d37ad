package client

import "github.com/zancudomq/zancudo/packet"

// aliases are the topic aliases that a client has given on one connection. Of
// all topics those stay that were used last.
type aliases struct {
	most    uint16 // how many there may be
	given   map[string]*alias
	decoder packet.Decoder
	// The aliases in the order of their use, as a ring around this one.
	ring alias
}

type alias struct {
	number     uint16
	topic      string
	prev, next *alias
}

// newAliases returns a table of at most so many aliases; nil: it would be empty.
func newAliases(most uint16) *aliases {
	if most == 0 {
		return nil
	}
	a := &aliases{most: most, given: make(map[string]*alias)}
	a.ring.prev, a.ring.next = &a.ring, &a.ring
	return a
}

// take returns the alias of a topic and whether the server knows it already. It
// is then the one that was used last.
func (a *aliases) take(topic string) (number uint16, known bool) {
	e := a.given[topic]
	switch {
	case e != nil:
		known = true
		e.unlink()
	case len(a.given) < int(a.most):
		e = &alias{number: uint16(len(a.given) + 1), topic: topic}
		a.given[topic] = e
	default:
		e = a.ring.prev // not used for the longest time
		e.unlink()
		delete(a.given, e.topic)
		e.topic = topic
		a.given[topic] = e
	}
	e.prev, e.next = &a.ring, a.ring.next
	e.prev.next, e.next.prev = e, e
	return e.number, known
}

func (e *alias) unlink() { e.prev.next, e.next.prev = e.next, e.prev }

// shorten replaces p, which lies encoded at the end of the output, by one with a
// topic alias, if that is asked for and the server takes it.
func (n *conn) shorten(from int, p *packet.Publish) {
	size := len(n.out) - from
	if n.given == nil || len(p.Topic) <= aliasBytes || n.limits.size > 0 && size+aliasBytes > n.limits.size {
		return
	}
	topic, given := p.Topic, p.TopicAlias
	number, known := n.given.take(topic)
	p.TopicAlias = number
	if known {
		p.Topic = ""
	}
	b, err := p.Append(n.out[:from], n.version)
	p.Topic, p.TopicAlias = topic, given
	if err != nil { // what could be encoded with a topic cannot be with an alias: not so in this package
		panic(err)
	}
	n.out = b
}

// shortenFlight does the same for an encoded PUBLISH. That is kept as it is: it
// may outlive the connection, and an alias does not.
func (n *conn) shortenFlight(from int, b []byte) {
	if n.given == nil {
		return
	}
	n.given.decoder.Version = n.version
	if p, _, err := n.given.decoder.Decode(b); err == nil {
		if publish, ok := p.(*packet.Publish); ok {
			n.shorten(from, publish)
		}
	}
}

// aliasBytes is how much longer a PUBLISH may become by an alias: a property of
// three bytes and one for a length. A topic that is not longer is not worth one.
const aliasBytes = 4
