package packet

import "fmt"

// ReasonCode says how an operation went. Codes of 0x80 and above are failures
// and, only then, may be used as an error: wrap one to tell the peer.
//
//	return fmt.Errorf("line 12 denies: %w", packet.NotAuthorized)
type ReasonCode byte

// The reason codes of MQTT 5.0, section 2.4.
const (
	Success                             ReasonCode = 0x00
	GrantedQoS1                         ReasonCode = 0x01
	GrantedQoS2                         ReasonCode = 0x02
	DisconnectWithWill                  ReasonCode = 0x04
	NoMatchingSubscribers               ReasonCode = 0x10
	NoSubscriptionExisted               ReasonCode = 0x11
	ContinueAuthentication              ReasonCode = 0x18
	Reauthenticate                      ReasonCode = 0x19
	UnspecifiedError                    ReasonCode = 0x80
	MalformedPacket                     ReasonCode = 0x81
	ProtocolError                       ReasonCode = 0x82
	ImplementationSpecificError         ReasonCode = 0x83
	UnsupportedProtocolVersion          ReasonCode = 0x84
	ClientIdentifierNotValid            ReasonCode = 0x85
	BadUserNameOrPassword               ReasonCode = 0x86
	NotAuthorized                       ReasonCode = 0x87
	ServerUnavailable                   ReasonCode = 0x88
	ServerBusy                          ReasonCode = 0x89
	Banned                              ReasonCode = 0x8A
	ServerShuttingDown                  ReasonCode = 0x8B
	BadAuthenticationMethod             ReasonCode = 0x8C
	KeepAliveTimeout                    ReasonCode = 0x8D
	SessionTakenOver                    ReasonCode = 0x8E
	TopicFilterInvalid                  ReasonCode = 0x8F
	TopicNameInvalid                    ReasonCode = 0x90
	PacketIdentifierInUse               ReasonCode = 0x91
	PacketIdentifierNotFound            ReasonCode = 0x92
	ReceiveMaximumExceeded              ReasonCode = 0x93
	TopicAliasInvalid                   ReasonCode = 0x94
	PacketTooLarge                      ReasonCode = 0x95
	MessageRateTooHigh                  ReasonCode = 0x96
	QuotaExceeded                       ReasonCode = 0x97
	AdministrativeAction                ReasonCode = 0x98
	PayloadFormatInvalid                ReasonCode = 0x99
	RetainNotSupported                  ReasonCode = 0x9A
	QoSNotSupported                     ReasonCode = 0x9B
	UseAnotherServer                    ReasonCode = 0x9C
	ServerMoved                         ReasonCode = 0x9D
	SharedSubscriptionsNotSupported     ReasonCode = 0x9E
	ConnectionRateExceeded              ReasonCode = 0x9F
	MaximumConnectTime                  ReasonCode = 0xA0
	SubscriptionIdentifiersNotSupported ReasonCode = 0xA1
	WildcardSubscriptionsNotSupported   ReasonCode = 0xA2
)

var reasonNames = map[ReasonCode]string{
	Success:                             "success",
	GrantedQoS1:                         "granted QoS 1",
	GrantedQoS2:                         "granted QoS 2",
	DisconnectWithWill:                  "disconnect with will message",
	NoMatchingSubscribers:               "no matching subscribers",
	NoSubscriptionExisted:               "no subscription existed",
	ContinueAuthentication:              "continue authentication",
	Reauthenticate:                      "re-authenticate",
	UnspecifiedError:                    "unspecified error",
	MalformedPacket:                     "malformed packet",
	ProtocolError:                       "protocol error",
	ImplementationSpecificError:         "implementation specific error",
	UnsupportedProtocolVersion:          "unsupported protocol version",
	ClientIdentifierNotValid:            "client identifier not valid",
	BadUserNameOrPassword:               "bad user name or password",
	NotAuthorized:                       "not authorized",
	ServerUnavailable:                   "server unavailable",
	ServerBusy:                          "server busy",
	Banned:                              "banned",
	ServerShuttingDown:                  "server shutting down",
	BadAuthenticationMethod:             "bad authentication method",
	KeepAliveTimeout:                    "keep alive timeout",
	SessionTakenOver:                    "session taken over",
	TopicFilterInvalid:                  "topic filter invalid",
	TopicNameInvalid:                    "topic name invalid",
	PacketIdentifierInUse:               "packet identifier in use",
	PacketIdentifierNotFound:            "packet identifier not found",
	ReceiveMaximumExceeded:              "receive maximum exceeded",
	TopicAliasInvalid:                   "topic alias invalid",
	PacketTooLarge:                      "packet too large",
	MessageRateTooHigh:                  "message rate too high",
	QuotaExceeded:                       "quota exceeded",
	AdministrativeAction:                "administrative action",
	PayloadFormatInvalid:                "payload format invalid",
	RetainNotSupported:                  "retain not supported",
	QoSNotSupported:                     "QoS not supported",
	UseAnotherServer:                    "use another server",
	ServerMoved:                         "server moved",
	SharedSubscriptionsNotSupported:     "shared subscriptions not supported",
	ConnectionRateExceeded:              "connection rate exceeded",
	MaximumConnectTime:                  "maximum connect time",
	SubscriptionIdentifiersNotSupported: "subscription identifiers not supported",
	WildcardSubscriptionsNotSupported:   "wildcard subscriptions not supported",
}

func (c ReasonCode) String() string {
	if s, ok := reasonNames[c]; ok {
		return s
	}
	return fmt.Sprintf("reason code 0x%02X", byte(c))
}

// Error makes a failing code an error. Codes below 0x80 are no errors.
func (c ReasonCode) Error() string { return c.String() }

// Failed reports whether the code says that something failed.
func (c ReasonCode) Failed() bool { return c >= UnspecifiedError }

// ValidIn reports whether a packet of type t may carry the code, in either
// direction.
func (c ReasonCode) ValidIn(t Type) bool { return c.valid(t) }

// valid reports whether a packet of type t may carry the code, in either
// direction (MQTT 5.0, table 2-6).
func (c ReasonCode) valid(t Type) bool {
	if _, known := reasonNames[c]; !known {
		return false
	}
	switch t {
	case CONNACK:
		return c == Success || connackCodes[c]
	case PUBACK, PUBREC:
		return c == Success || c == NoMatchingSubscribers || pubackCodes[c]
	case PUBREL, PUBCOMP:
		return c == Success || c == PacketIdentifierNotFound
	case SUBACK:
		return c <= GrantedQoS2 || subackCodes[c]
	case UNSUBACK:
		return c == Success || c == NoSubscriptionExisted || unsubackCodes[c]
	case DISCONNECT:
		return c == Success || c == DisconnectWithWill || disconnectCodes[c]
	case AUTH:
		return c == Success || c == ContinueAuthentication || c == Reauthenticate
	default:
		return false
	}
}

type codeSet = map[ReasonCode]bool

var (
	connackCodes = codeSet{
		UnspecifiedError: true, MalformedPacket: true, ProtocolError: true, ImplementationSpecificError: true,
		UnsupportedProtocolVersion: true, ClientIdentifierNotValid: true, BadUserNameOrPassword: true, NotAuthorized: true,
		ServerUnavailable: true, ServerBusy: true, Banned: true, BadAuthenticationMethod: true, TopicNameInvalid: true,
		PacketTooLarge: true, QuotaExceeded: true, PayloadFormatInvalid: true, RetainNotSupported: true,
		QoSNotSupported: true, UseAnotherServer: true, ServerMoved: true, ConnectionRateExceeded: true,
	}
	pubackCodes = codeSet{
		UnspecifiedError: true, ImplementationSpecificError: true, NotAuthorized: true, TopicNameInvalid: true,
		PacketIdentifierInUse: true, QuotaExceeded: true, PayloadFormatInvalid: true,
	}
	subackCodes = codeSet{
		UnspecifiedError: true, ImplementationSpecificError: true, NotAuthorized: true, TopicFilterInvalid: true,
		PacketIdentifierInUse: true, QuotaExceeded: true, SharedSubscriptionsNotSupported: true,
		SubscriptionIdentifiersNotSupported: true, WildcardSubscriptionsNotSupported: true,
	}
	unsubackCodes = codeSet{
		UnspecifiedError: true, ImplementationSpecificError: true, NotAuthorized: true, TopicFilterInvalid: true,
		PacketIdentifierInUse: true,
	}
	disconnectCodes = codeSet{
		UnspecifiedError: true, MalformedPacket: true, ProtocolError: true, ImplementationSpecificError: true,
		NotAuthorized: true, ServerBusy: true, ServerShuttingDown: true, BadAuthenticationMethod: true,
		KeepAliveTimeout: true, SessionTakenOver: true, TopicFilterInvalid: true, TopicNameInvalid: true,
		ReceiveMaximumExceeded: true, TopicAliasInvalid: true, PacketTooLarge: true, MessageRateTooHigh: true,
		QuotaExceeded: true, AdministrativeAction: true, PayloadFormatInvalid: true, RetainNotSupported: true,
		QoSNotSupported: true, UseAnotherServer: true, ServerMoved: true, SharedSubscriptionsNotSupported: true,
		ConnectionRateExceeded: true, MaximumConnectTime: true, SubscriptionIdentifiersNotSupported: true,
		WildcardSubscriptionsNotSupported: true,
	}
)

// In is c, if a packet of type t may say it [MQTT-3.14.2-1], and else the
// failure that comes nearest.
func (c ReasonCode) In(t Type) ReasonCode {
	if c.ValidIn(t) {
		return c
	}
	nearest := ProtocolError
	switch c {
	case BadUserNameOrPassword, Banned:
		nearest = NotAuthorized
	case ServerShuttingDown:
		nearest = ServerUnavailable
	case ServerUnavailable:
		nearest = ServerBusy
	default:
	}
	if nearest.ValidIn(t) {
		return nearest
	}
	return ImplementationSpecificError
}

// returnCodes are the CONNACK return codes of MQTT 3.x, section 3.2.2.3, and
// the reason codes that took their place.
var returnCodes = [...]ReasonCode{
	Success, UnsupportedProtocolVersion, ClientIdentifierNotValid, ServerUnavailable, BadUserNameOrPassword, NotAuthorized,
}

// ReturnCode is the CONNACK return code by which MQTT 3.x says c: 0 to 5.
func (c ReasonCode) ReturnCode() byte {
	for i, r := range returnCodes {
		if r == c {
			return byte(i)
		}
	}
	switch c {
	case Banned, BadAuthenticationMethod:
		return 5
	default:
		return 3
	}
}
