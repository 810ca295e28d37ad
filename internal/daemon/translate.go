package daemon

import (
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/packet"
)

// brokerOptions are what c says of the broker as a whole.
func brokerOptions(c *config.Config) broker.Options {
	return broker.Options{
		MaxPacketSize:         min(c.MaxPacketSize, packet.MaxRemainingLength),
		MaxPayload:            limit(c.MessageSizeLimit),
		MaxInflight:           limit(c.MaxInflightMessages),
		MaxInflightBytes:      limit(c.MaxInflightBytes),
		MaxQueued:             limit(c.MaxQueuedMessages),
		MaxQueuedBytes:        limit(c.MaxQueuedBytes),
		MaxConnections:        limit(c.GlobalMaxConnections),
		MaxSessions:           limit(c.GlobalMaxClients),
		MaxKeepAlive:          time.Duration(c.MaxKeepAlive) * time.Second,
		MaxSessionExpiry:      c.PersistentClientExpiration,
		RetainSweep:           time.Duration(min(c.RetainExpiryInterval, maxMinutes)) * time.Minute,
		ClientIDPrefix:        c.ClientIDPrefixes,
		RetainUnavailable:     !c.RetainAvailable,
		QueueQoS0:             c.QueueQoS0Messages,
		UpgradeQoS:            c.UpgradeOutgoingQoS,
		MergeOverlapping:      !c.AllowDuplicateMessages,
		KeepRetainedUnchecked: !c.CheckRetainSource,
		ShareOwners:           !c.CheckSessionOwner,
	}
}

// maxMinutes is longer than any broker runs.
const maxMinutes = 100_000_000

// listenerOptions are what c says of the clients that come by l.
func (g *guards) listenerOptions(l *config.Listener) broker.ListenerOptions {
	c := g.config
	return broker.ListenerOptions{
		Authenticator:       g.authenticator(l),
		Authorizer:          g.authorizer(l),
		MaxConnections:      limit(l.MaxConnections),
		MaxTopicAlias:       orNone(l.MaxTopicAlias),
		MaxSendTopicAlias:   orNone(l.MaxTopicAliasBroker),
		MaxQoS:              new(packet.QoS(l.MaxQoS)),
		Versions:            versions(l.Versions),
		AutoIDPrefix:        c.AutoIDPrefixOn(l),
		RefuseEmptyClientID: !c.SecurityOn(l).AllowZeroLengthClientID,
		MountPoint:          l.MountPoint,
		UsernameAsClientID:  l.UseUsernameAsClientID,
	}
}

// limit turns a number of the language, of which 0 and -1 are no limit, into
// one of the broker.
func limit(n int) int {
	if n <= 0 {
		return -1
	}
	return n
}

// orNone turns a number of the language of which 0 is none at all into one of
// the broker.
func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

func versions(set config.Versions) []packet.Version {
	var all []packet.Version
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		if set.Has(int(v)) {
			all = append(all, v)
		}
	}
	return all
}
