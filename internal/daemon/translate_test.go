package daemon

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// defaults are what an empty configuration asks the broker for.
func defaults() broker.Options {
	return broker.Options{
		MaxPacketSize: 2_000_000, MaxInflight: 20, MaxInflightBytes: -1, MaxQueued: 1000, MaxQueuedBytes: 16 << 20,
		MaxConnections: -1, MaxSessions: 20_000, MaxTopicAlias: 10, MaxSendTopicAlias: 10,
		MaxQoS: new(packet.ExactlyOnce), Versions: []packet.Version{packet.V31, packet.V311, packet.V5}, AutoIDPrefix: "auto-",
	}
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want func(o *broker.Options) // changes the defaults
	}{
		{"", func(*broker.Options) {}},
		{"allow_anonymous true", func(*broker.Options) {}},
		{"max_inflight_messages 0\nmax_inflight_bytes 1\nmax_queued_messages 0\nmax_queued_bytes 0", func(o *broker.Options) {
			o.MaxInflight, o.MaxInflightBytes, o.MaxQueued, o.MaxQueuedBytes = -1, 1, -1, -1
		}},
		{"max_packet_size 999999999999\nmax_keepalive 60\npersistent_client_expiration 1d", func(o *broker.Options) {
			o.MaxPacketSize, o.MaxKeepAlive, o.MaxSessionExpiry = packet.MaxRemainingLength, time.Minute, 24*time.Hour
		}},
		{"global_max_connections 5\nmax_connections 7", func(o *broker.Options) { o.MaxConnections = 5 }},
		{"global_max_connections 0\nmax_connections 7", func(o *broker.Options) { o.MaxConnections = 7 }},
		{"global_max_clients -1", func(o *broker.Options) { o.MaxSessions = -1 }},
		{"listener 1883\nallow_anonymous true\nmax_qos 0\nmax_topic_alias 0\nmax_topic_alias_broker 0", func(o *broker.Options) {
			o.MaxQoS, o.MaxTopicAlias, o.MaxSendTopicAlias = new(packet.AtMostOnce), -1, -1
		}},
		{"listener 1883\nallow_anonymous true\naccept_protocol_versions 5\nlistener_auto_id_prefix x", func(o *broker.Options) {
			o.Versions, o.AutoIDPrefix = []packet.Version{packet.V5}, "x"
		}},
		{"retain_available false\nallow_zero_length_clientid false\nauto_id_prefix y", func(o *broker.Options) {
			o.RetainUnavailable, o.RefuseEmptyClientID, o.AutoIDPrefix = true, true, "y"
		}},
		{"queue_qos0_messages true\nupgrade_outgoing_qos true\nallow_duplicate_messages false\ncheck_retain_source false", func(o *broker.Options) {
			o.QueueQoS0, o.UpgradeQoS, o.MergeOverlapping, o.KeepRetainedUnchecked = true, true, true, true
		}},
		{"listener 1883\nallow_anonymous true\nlistener 1884", func(*broker.Options) {}},
		{"listener 1883\nlistener_allow_anonymous true", func(*broker.Options) {}},
	} {
		want := defaults()
		tt.want(&want)
		got, err := translate(parse(t, tt.text))
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\ngot  %+v\nwant %+v", tt.text, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"listener 1883", "Nobody could connect to port 1883: 'allow_anonymous' is false, and users come with password files, which are not supported yet.\n" +
			"Error found at a.conf:1. Write 'allow_anonymous true' to let everybody in who can reach the port"},
		{"allow_anonymous false", "Nobody could connect to port 1883: 'allow_anonymous' is false, and users come with password files, which are not supported yet.\n" +
			"Remove 'allow_anonymous false' to serve every program of this machine."},
		{"allow_anonymous true\nlistener 1883\nlistener 1884\nlistener_allow_anonymous false", "Nobody could connect to port 1884"},
		{"allow_anonymous true\nlistener 1883\nlistener 1884\nmax_qos 1", "The listeners of port 1883 and port 1884 differ, which is not supported yet.\nError found at a.conf:3. Give both"},
		{"allow_anonymous true\nlistener 1883\nmax_connections 5\nlistener 1884\n", "'max_connections' with several listeners is not supported yet.\nError found at a.conf:4. Use 'global_max_connections'."},
	} {
		err := Check(parse(t, tt.text))
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q:\ngot  %v\nwant %v…", tt.text, err, tt.want)
		}
	}
}
