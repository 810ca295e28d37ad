package packet

// property is a Property Identifier of MQTT 5.0, section 2.2.2.2.
type property byte

const (
	payloadFormatIndicator          property = 1
	messageExpiryInterval           property = 2
	contentType                     property = 3
	responseTopic                   property = 8
	correlationData                 property = 9
	subscriptionIdentifier          property = 11
	sessionExpiryInterval           property = 17
	assignedClientIdentifier        property = 18
	serverKeepAlive                 property = 19
	authenticationMethod            property = 21
	authenticationData              property = 22
	requestProblemInformation       property = 23
	willDelayInterval               property = 24
	requestResponseInformation      property = 25
	responseInformation             property = 26
	serverReference                 property = 28
	reasonString                    property = 31
	receiveMaximum                  property = 33
	topicAliasMaximum               property = 34
	topicAlias                      property = 35
	maximumQoS                      property = 36
	retainAvailable                 property = 37
	userProperty                    property = 38
	maximumPacketSize               property = 39
	wildcardSubscriptionAvailable   property = 40
	subscriptionIdentifierAvailable property = 41
	sharedSubscriptionAvailable     property = 42
)

// propertySet says which properties a packet may have.
type propertySet uint64

func setOf(ids ...property) (s propertySet) {
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

func (s propertySet) has(id property) bool { return id < 64 && s>>id&1 == 1 }

var (
	connectProperties = setOf(sessionExpiryInterval, authenticationMethod, authenticationData, requestProblemInformation,
		requestResponseInformation, receiveMaximum, topicAliasMaximum, userProperty, maximumPacketSize)
	connackProperties = setOf(sessionExpiryInterval, assignedClientIdentifier, serverKeepAlive, authenticationMethod,
		authenticationData, responseInformation, serverReference, reasonString, receiveMaximum, topicAliasMaximum,
		maximumQoS, retainAvailable, userProperty, maximumPacketSize, wildcardSubscriptionAvailable,
		subscriptionIdentifierAvailable, sharedSubscriptionAvailable)
	publishProperties = setOf(payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic, correlationData,
		subscriptionIdentifier, topicAlias, userProperty)
	willProperties = setOf(payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic, correlationData,
		willDelayInterval, userProperty)
	ackProperties         = setOf(reasonString, userProperty)
	subscribeProperties   = setOf(subscriptionIdentifier, userProperty)
	unsubscribeProperties = setOf(userProperty)
	disconnectProperties  = setOf(sessionExpiryInterval, serverReference, reasonString, userProperty)
	authProperties        = setOf(authenticationMethod, authenticationData, reasonString, userProperty)
)

// properties walks over a property list:
//
//	for l := c.properties(ackProperties, limit); l.next(); {
//		switch l.id { … }
//	}
//
// Each case must read its value from c.
type properties struct {
	c       *cursor
	allowed propertySet
	seen    propertySet
	id      property
	users   int // user properties that may still come
}

// properties begins the property list at the cursor, with at most maxUser user
// properties.
func (c *cursor) properties(allowed propertySet, maxUser int) properties {
	list := c.take(int(c.varint("property length")), "property list")
	if c.err == nil {
		// Kept in the cursor: assigned from the iterator it would make the cursor escape to the heap.
		c.b, c.rest = list, c.b
	}
	return properties{c: c, allowed: allowed, users: maxUser}
}

// next moves to the next property; at the end of the list it gives the cursor
// what follows.
func (l *properties) next() bool {
	if l.c.err != nil {
		return false
	}
	if len(l.c.b) == 0 {
		l.c.b = l.c.rest
		return false
	}
	l.id = property(min(l.c.varint("property identifier"), 255))
	if !l.allowed.has(l.id) {
		l.c.fail(MalformedPacket, "property not allowed here")
		return false
	}
	switch l.id {
	case userProperty:
		if l.users--; l.users < 0 {
			l.c.fail(QuotaExceeded, "too many user properties")
		}
	case subscriptionIdentifier: // may be repeated in a PUBLISH; SUBSCRIBE checks itself
	default:
		if l.seen.has(l.id) {
			l.c.fail(ProtocolError, "property occurs twice")
		}
	}
	l.seen |= 1 << l.id
	return l.c.err == nil
}

// user reads a user property [MQTT-1.5.7-1].
func (l *properties) user() UserProperty {
	return UserProperty{l.c.text("user property name"), l.c.text("user property value")}
}

// flag reads a byte that must be 0 or 1.
func (l *properties) flag(what string) bool {
	v := l.c.byte(what)
	if v > 1 {
		l.c.fail(ProtocolError, what+" is neither 0 nor 1")
	}
	return v == 1
}

// positive16 reads a number that must not be zero.
func (l *properties) positive16(what string) uint16 {
	v := l.c.uint16(what)
	if v == 0 {
		l.c.fail(ProtocolError, what+" is zero")
	}
	return v
}

func (w *writer) textProperty(id property, s string) {
	if s != "" {
		w.byte(byte(id))
		w.text(s)
	}
}

func (w *writer) binaryProperty(id property, v []byte) {
	if v != nil {
		w.byte(byte(id))
		w.binary(v)
	}
}

func (w *writer) uint32Property(id property, v uint32) {
	w.byte(byte(id))
	w.uint32(v)
}

func (w *writer) uint16Property(id property, v uint16) {
	w.byte(byte(id))
	w.uint16(v)
}

func (w *writer) byteProperty(id property, v byte) {
	w.byte(byte(id))
	w.byte(v)
}

func (w *writer) userProperties(list []UserProperty) {
	for _, u := range list {
		w.byte(byte(userProperty))
		w.text(u.Name)
		w.text(u.Value)
	}
}
