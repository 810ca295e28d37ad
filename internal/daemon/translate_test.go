package daemon

import (
	"reflect"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// defaults are what an empty configuration asks the broker for.
func defaults() (broker.Options, broker.ListenerOptions) {
	return broker.Options{
		MaxPacketSize: 2_000_000, MaxPayload: -1, MaxInflight: 20, MaxInflightBytes: -1, MaxQueued: 1000, MaxQueuedBytes: 16 << 20,
		MaxConnections: -1, MaxSessions: 20_000, RetainSweep: time.Hour,
	}, broker.ListenerOptions{
		MaxConnections: -1, MaxTopicAlias: 10, MaxSendTopicAlias: 10, MaxQoS: new(packet.ExactlyOnce),
		Versions: []packet.Version{packet.V31, packet.V311, packet.V5}, AutoIDPrefix: "auto-",
	}
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want func(o *broker.Options, l *broker.ListenerOptions) // changes the defaults
	}{
		{"", func(*broker.Options, *broker.ListenerOptions) {}},
		{"allow_anonymous true", func(*broker.Options, *broker.ListenerOptions) {}},
		{"max_inflight_messages 0\nmax_inflight_bytes 1\nmax_queued_messages 0\nmax_queued_bytes 0", func(o *broker.Options, _ *broker.ListenerOptions) {
			o.MaxInflight, o.MaxInflightBytes, o.MaxQueued, o.MaxQueuedBytes = -1, 1, -1, -1
		}},
		{"retain_expiry_interval 10", func(o *broker.Options, _ *broker.ListenerOptions) { o.RetainSweep = 10 * time.Minute }},
		{"max_packet_size 999999999999\nmax_keepalive 60\npersistent_client_expiration 1d", func(o *broker.Options, _ *broker.ListenerOptions) {
			o.MaxPacketSize, o.MaxKeepAlive, o.MaxSessionExpiry = packet.MaxRemainingLength, time.Minute, 24*time.Hour
		}},
		{"global_max_connections 5\nmax_connections 7", func(o *broker.Options, l *broker.ListenerOptions) { o.MaxConnections, l.MaxConnections = 5, 7 }},
		{"message_size_limit 9\nclientid_prefixes home-", func(o *broker.Options, _ *broker.ListenerOptions) {
			o.MaxPayload, o.ClientIDPrefix = 9, "home-"
		}},
		{"global_max_clients -1", func(o *broker.Options, _ *broker.ListenerOptions) { o.MaxSessions = -1 }},
		{"listener 1883\nallow_anonymous true\nmax_qos 0\nmax_topic_alias 0\nmax_topic_alias_broker 0", func(_ *broker.Options, l *broker.ListenerOptions) {
			l.MaxQoS, l.MaxTopicAlias, l.MaxSendTopicAlias = new(packet.AtMostOnce), -1, -1
		}},
		{"listener 1883\nallow_anonymous true\naccept_protocol_versions 5\nlistener_auto_id_prefix x", func(_ *broker.Options, l *broker.ListenerOptions) {
			l.Versions, l.AutoIDPrefix = []packet.Version{packet.V5}, "x"
		}},
		{"retain_available false\nallow_zero_length_clientid false\nauto_id_prefix y", func(o *broker.Options, l *broker.ListenerOptions) {
			o.RetainUnavailable, l.RefuseEmptyClientID, l.AutoIDPrefix = true, true, "y"
		}},
		{"queue_qos0_messages true\nupgrade_outgoing_qos true\nallow_duplicate_messages false\ncheck_retain_source false", func(o *broker.Options, _ *broker.ListenerOptions) {
			o.QueueQoS0, o.UpgradeQoS, o.MergeOverlapping, o.KeepRetainedUnchecked = true, true, true, true
		}},
		{"check_session_owner false", func(o *broker.Options, _ *broker.ListenerOptions) { o.ShareOwners = true }},
		{"listener 1883\nallow_anonymous true\nmount_point home/\nuse_username_as_clientid true", func(_ *broker.Options, l *broker.ListenerOptions) {
			l.MountPoint, l.UsernameAsClientID = "home/", true
		}},
		{"listener 1883\nlistener_allow_anonymous true", func(*broker.Options, *broker.ListenerOptions) {}},
		{"listener 1883", func(_ *broker.Options, l *broker.ListenerOptions) { l.Authenticator = nobody{} }},
		{"allow_anonymous false", func(_ *broker.Options, l *broker.ListenerOptions) { l.Authenticator = nobody{} }},
		{"allow_anonymous true\nlistener 1883\nlistener_allow_anonymous false", func(_ *broker.Options, l *broker.ListenerOptions) { l.Authenticator = nobody{} }},
	} {
		want, wantListener := defaults()
		tt.want(&want, &wantListener)
		c := parse(t, tt.text)
		if got := brokerOptions(c); !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\ngot  %+v\nwant %+v", tt.text, got, want)
		}
		g, err := newGuards(c, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.listenerOptions(c.Listeners[0]); !reflect.DeepEqual(got, wantListener) {
			t.Errorf("%q:\ngot  %+v\nwant %+v", tt.text, got, wantListener)
		}
	}
}
