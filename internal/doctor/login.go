package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/packet"
)

// askedExpiry is a Session Expiry Interval to see what a broker makes of it, in
// seconds. The session is given up at once.
const askedExpiry = 24 * 60 * 60

// introduction is the CONNECT of a version.
func (e *exam) introduction(v packet.Version) packet.Connect {
	c := e.Connect
	c.Version, c.CleanStart = v, true
	if c.KeepAlive == 0 {
		c.KeepAlive = 60
	}
	if c.ClientID == "" {
		c.ClientID = "doctor-" + e.id
	}
	if v == packet.V5 {
		c.SessionExpiry = askedExpiry
	}
	return c
}

// login connects with each version of MQTT, and returns those that the broker
// accepts, the highest first.
func (e *exam) login(ctx context.Context) (accepted []packet.Version) {
	versions := []packet.Version{packet.V5, packet.V311, packet.V31}
	if v := e.Connect.Version; v != 0 {
		versions = []packet.Version{v}
	}
	var yes, no []string
	var failed error
	for _, v := range versions {
		l, connack, err := e.connect(ctx, e.opener(e.Where), e.introduction(v))
		if err != nil {
			no = append(no, v.String())
			if failed == nil || understood(err) && !understood(failed) {
				failed = err
			}
			continue
		}
		l.leave()
		accepted = append(accepted, v)
		yes = append(yes, v.String())
		if v == packet.V5 {
			e.connack = connack
		}
	}
	switch {
	case len(yes) == 0:
		e.refused(ctx, failed)
		return nil
	case len(no) == 0:
		e.say(ctx, CheckVersion, OK, "it accepts MQTT "+list(yes), "")
	case no[0] == packet.V5.String():
		e.say(ctx, CheckVersion, Note, fmt.Sprintf("it accepts MQTT %s, but not %s", list(yes), join(no, " or ")), "Programs that need MQTT 5.0 do not work with it; tell the others to use 3.1.1.")
	default:
		e.say(ctx, CheckVersion, OK, fmt.Sprintf("it accepts MQTT %s, but not %s", list(yes), join(no, " or ")), "")
	}
	if e.Connect.HasUsername && e.anonymous == nil {
		e.tryAnonymous(ctx, accepted[0])
	}
	e.sayLogin(ctx)
	e.limits(ctx)
	return accepted
}

// understood reports whether err is an answer to the user, not to the version.
func understood(err error) bool {
	var refused *client.ConnackError
	return errors.As(err, &refused) && refused.Connack.ReasonCode != packet.UnsupportedProtocolVersion
}

// tryAnonymous connects without the user, where the probe has not.
func (e *exam) tryAnonymous(ctx context.Context, v packet.Version) {
	c := e.introduction(v)
	c.Username, c.HasUsername, c.Password, c.HasPassword = "", false, nil, false
	c.ClientID = "doctor-" + e.id
	l, connack, err := e.connect(ctx, e.opener(e.Where), c)
	if err == nil {
		l.leave()
		e.anonymous = connack
		return
	}
	if refused, ok := errors.AsType[*client.ConnackError](err); ok {
		e.anonymous = refused.Connack
	}
}

// sayLogin says who is let in.
func (e *exam) sayLogin(ctx context.Context) {
	anybody := e.anonymous != nil && e.anonymous.ReasonCode == packet.Success
	nobody := e.anonymous != nil && understood(&client.ConnackError{Connack: e.anonymous}) && !anybody
	switch {
	case !e.Connect.HasUsername && e.local():
		e.say(ctx, CheckLogin, OK, "it lets clients in without a user name", "")
	case !e.Connect.HasUsername:
		e.say(ctx, CheckLogin, Note, "it lets clients in without a user name, from wherever they come", "If that is not meant, set allow_anonymous false and give it a password_file.")
	case anybody:
		e.say(ctx, CheckLogin, Note, fmt.Sprintf("it lets %q in, but others without a user name too, so that the password may not have been looked at", e.Connect.Username),
			"If that is not meant, set allow_anonymous false.")
	case nobody:
		e.say(ctx, CheckLogin, OK, fmt.Sprintf("it lets %q in, and nobody without a user name", e.Connect.Username), "")
	default:
		e.say(ctx, CheckLogin, OK, fmt.Sprintf("it lets %q in", e.Connect.Username), "")
	}
}

// refused explains why no connection came about.
func (e *exam) refused(ctx context.Context, err error) {
	var refused *client.ConnackError
	var dialing *dial.Error
	switch {
	case errors.As(err, &dialing) && dialing.Stage == dial.AtTLS:
		e.fail(ctx, err, CheckTLS, e.remedy(err))
	case errors.As(err, &dialing):
		e.fail(ctx, err, CheckLogin, "It worked a moment ago: look whether the broker limits connections.")
	case errors.Is(err, packet.MalformedPacket) && e.Connect.Version == packet.V5: // a return code of MQTT 3.1.1
		e.fail(ctx, errors.New("it does not speak MQTT 5.0: it answers as older versions do"), CheckLogin, "Leave -V out, to see which version it speaks.")
	case !errors.As(err, &refused):
		text := "the broker closed the connection instead of answering CONNECT"
		if e.Connect.Version != 0 {
			text += " of MQTT " + e.Connect.Version.String()
		}
		e.fail(ctx, fmt.Errorf("%s: %w", text, err), CheckLogin, "Look into the broker's log, which has a line about this; it may not speak this version of MQTT.")
	default:
		text, remedy := e.refusal(refused.Connack)
		e.say(ctx, CheckLogin, Problem, text, remedy)
		e.report.Err = err
	}
}

// refusal explains a CONNACK.
func (e *exam) refusal(p *packet.Connack) (text, remedy string) {
	why := p.ReasonCode.String()
	if p.ReasonString != "" {
		why += ": " + p.ReasonString
	}
	switch p.ReasonCode {
	case packet.BadUserNameOrPassword, packet.NotAuthorized, packet.BadAuthenticationMethod:
		if !e.Connect.HasUsername {
			return "it lets nobody in without a user name and password (" + why + ")", "Give them with -u and -P."
		}
		return fmt.Sprintf("it does not let %q in with this password (%s)", e.Connect.Username, why),
			"Check both against the broker's password file; -i too, if it lets certain client identifiers in only."
	case packet.UnsupportedProtocolVersion:
		return fmt.Sprintf("it does not speak MQTT %v", e.Connect.Version), "Leave -V out, to see which version it speaks."
	case packet.ClientIdentifierNotValid:
		return "it does not accept the client identifier (" + why + ")", "Give one that it accepts with -i; some have clientid_prefixes."
	case packet.UseAnotherServer, packet.ServerMoved:
		return "it sends clients to another server (" + why + ")", "Use " + strings.TrimSpace(p.ServerReference+" instead.")
	case packet.Banned, packet.ConnectionRateExceeded, packet.QuotaExceeded:
		return "it refuses this client (" + why + ")", "Wait, or ask whoever runs the broker."
	default:
		return "it refuses the connection (" + why + ")", "Look into the broker's log, which has a line about this."
	}
}

// limits says what a CONNACK of MQTT 5.0 says.
func (e *exam) limits(ctx context.Context) {
	c := e.connack
	if c == nil {
		return
	}
	can := []string{"QoS 0 to 2"}
	var cannot []string
	if c.MaximumQoS != nil {
		can[0] = fmt.Sprintf("QoS 0 to %d", *c.MaximumQoS)
		cannot = append(cannot, fmt.Sprintf("QoS above %d", *c.MaximumQoS))
	}
	for _, f := range []struct {
		missing bool
		what    string
	}{
		{c.RetainUnavailable, "retained messages"},
		{c.WildcardSubscriptionsUnavailable, "wildcards"},
		{c.SharedSubscriptionsUnavailable, "shared subscriptions"},
		{c.SubscriptionIDsUnavailable, "subscription identifiers"},
	} {
		if f.missing {
			cannot = append(cannot, f.what)
		} else {
			can = append(can, f.what)
		}
	}
	e.say(ctx, CheckLimits, OK, fmt.Sprintf("it has %s; %s", list(can), e.sizes(c)), "")
	if len(cannot) > 0 {
		e.say(ctx, CheckLimits, Note, "it has no "+list(cannot), "Clients that use this are disconnected.")
	}
	if c.ServerKeepAlive != nil && *c.ServerKeepAlive < e.introduction(packet.V5).KeepAlive {
		e.say(ctx, CheckLimits, Note, fmt.Sprintf("it wants to hear from clients every %d s, whatever they ask for", *c.ServerKeepAlive), "A client that sleeps longer is taken for lost.")
	}
	if c.SessionExpiry != nil && *c.SessionExpiry < askedExpiry {
		e.say(ctx, CheckLimits, Note, fmt.Sprintf("it keeps the session of an absent client for at most %d s", *c.SessionExpiry), "Messages for clients that stay away longer are lost.")
	}
}

// sizes are the numbers of a CONNACK.
func (e *exam) sizes(c *packet.Connack) string {
	size := "packets of any size"
	if c.MaximumPacketSize > 0 {
		size = fmt.Sprintf("packets up to %d bytes", c.MaximumPacketSize)
	}
	window := c.ReceiveMaximum
	if window == 0 {
		window = math.MaxUint16
	}
	return fmt.Sprintf("%s, %d messages under way, %d topic aliases", size, window, c.TopicAliasMaximum)
}
