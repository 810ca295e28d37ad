package daemon

import (
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/packet"
)

// translate turns c into the options of a broker, or tells why this version
// cannot serve it. The error is a *config.Problem, or several.
func translate(c *config.Config) (broker.Options, error) {
	if len(c.Refusals) > 0 {
		return broker.Options{}, c.Refusals
	}
	if err := admit(c); err != nil {
		return broker.Options{}, err
	}
	if err := agree(c); err != nil {
		return broker.Options{}, err
	}
	l := c.Listeners[0]
	return broker.Options{
		MaxPacketSize:         min(c.MaxPacketSize, packet.MaxRemainingLength),
		MaxInflight:           limit(c.MaxInflightMessages),
		MaxInflightBytes:      limit(c.MaxInflightBytes),
		MaxQueued:             limit(c.MaxQueuedMessages),
		MaxQueuedBytes:        limit(c.MaxQueuedBytes),
		MaxConnections:        tighter(limit(c.GlobalMaxConnections), limit(l.MaxConnections)),
		MaxSessions:           limit(c.GlobalMaxClients),
		MaxTopicAlias:         orNone(l.MaxTopicAlias),
		MaxSendTopicAlias:     orNone(l.MaxTopicAliasBroker),
		MaxKeepAlive:          time.Duration(c.MaxKeepAlive) * time.Second,
		MaxSessionExpiry:      c.PersistentClientExpiration,
		MaxQoS:                new(packet.QoS(l.MaxQoS)),
		Versions:              versions(l.Versions),
		RetainUnavailable:     !c.RetainAvailable,
		RefuseEmptyClientID:   !c.SecurityOn(l).AllowZeroLengthClientID,
		AutoIDPrefix:          c.AutoIDPrefixOn(l),
		QueueQoS0:             c.QueueQoS0Messages,
		UpgradeQoS:            c.UpgradeOutgoingQoS,
		MergeOverlapping:      !c.AllowDuplicateMessages,
		KeepRetainedUnchecked: !c.CheckRetainSource,
	}, nil
}

// admit refuses a configuration by which nobody could connect. It is never
// taken for one by which everybody can.
func admit(c *config.Config) error {
	for _, l := range c.Listeners {
		if c.AnonymousOn(l) {
			continue
		}
		p := &config.Problem{
			File: l.File, Line: l.Line, Word: "allow_anonymous",
			Text: fmt.Sprintf("Nobody could connect to %v: 'allow_anonymous' is false, and users come with password files, which are not supported yet.", l),
			Remedy: "Write 'allow_anonymous true' to let everybody in who can reach the port, " +
				"or remove the listener to serve this machine only.",
		}
		if c.LocalOnly {
			p.Remedy = "Remove 'allow_anonymous false' to serve every program of this machine."
		}
		return p
	}
	return nil
}

// agree refuses listeners that differ in what this version has once for all.
func agree(c *config.Config) error {
	first := settings(c, c.Listeners[0])
	for _, l := range c.Listeners[1:] {
		if settings(c, l) != first {
			return &config.Problem{
				File: l.File, Line: l.Line,
				Text:   fmt.Sprintf("The listeners of %v and %v differ, which is not supported yet.", c.Listeners[0], l),
				Remedy: "Give both the same protocol versions, max_qos, topic aliases and listener_auto_id_prefix.",
			}
		}
		if limit(l.MaxConnections) > 0 || limit(c.Listeners[0].MaxConnections) > 0 {
			return &config.Problem{
				File: l.File, Line: l.Line, Word: "max_connections",
				Text:   "'max_connections' with several listeners is not supported yet.",
				Remedy: "Use 'global_max_connections'.",
			}
		}
	}
	return nil
}

// shared are settings that have to be the same everywhere.
type shared struct {
	config.Settings
	emptyClientID bool
}

func settings(c *config.Config, l *config.Listener) shared {
	s := l.Settings
	s.AllowAnonymous, s.MaxConnections, s.AutoIDPrefix = nil, 0, c.AutoIDPrefixOn(l)
	s.BindInterface, s.SocketDomain, s.SocketMode, s.SocketOwner, s.SocketName, s.Protocol = "", "", "", "", "", ""
	s.EnableProxyProtocol, s.ProxyProtocolV2RequireTLS = 0, false
	return shared{s, c.SecurityOn(l).AllowZeroLengthClientID}
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

// tighter is the smaller of two limits, either of which may be none.
func tighter(a, b int) int {
	if a < 0 || b < 0 {
		return max(a, b)
	}
	return min(a, b)
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
