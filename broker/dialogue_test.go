package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/store/storetest"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// TestDialogues plays testdata/dialogues: a broker of its own for each, in a
// bubble where time passes only when a dialogue waits.
func TestDialogues(t *testing.T) {
	t.Parallel()
	mqtttest.Run(t, "testdata/dialogues/*.txt", serveDialogue)
}

// TestDurableDialogues plays them with a store: nobody can tell the difference.
func TestDurableDialogues(t *testing.T) {
	t.Parallel()
	mqtttest.Run(t, "testdata/dialogues/*.txt", func(t *testing.T, l *memnet.Listener, options []mqtttest.Option) (stop func()) {
		t.Helper()
		return serveDialogueWith(t, broker.Options{Store: openMemory(t, &storetest.Memory{})}, l, options)
	})
}

func openMemory(t *testing.T, m *storetest.Memory) broker.Store {
	t.Helper()
	s, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func serveDialogue(t *testing.T, l *memnet.Listener, options []mqtttest.Option) (stop func()) {
	t.Helper()
	return serveDialogueWith(t, broker.Options{}, l, options)
}

func serveDialogueWith(t *testing.T, o broker.Options, l *memnet.Listener, options []mqtttest.Option) (stop func()) {
	t.Helper()
	plugs := &plugs{}
	for _, option := range options {
		if err := setOption(&o, plugs, option.Key, option.Value); err != nil {
			t.Fatalf("option %s %s: %v", option.Key, option.Value, err)
		}
	}
	plugs.into(&o)
	b := broker.New(o)
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if err := <-served; !errors.Is(err, broker.ErrClosed) {
			t.Errorf("Serve returned %v, want ErrClosed", err)
		}
	}
}

// The options of dialogues are Mosquitto's words, and our own for the rest. In
// Mosquitto 0 means no limit, which is a negative number in broker.Options.
var numberOptions = map[string]func(o *broker.Options) *int{
	"max_inflight_messages":  func(o *broker.Options) *int { return &o.MaxInflight },
	"max_inflight_bytes":     func(o *broker.Options) *int { return &o.MaxInflightBytes },
	"max_queued_messages":    func(o *broker.Options) *int { return &o.MaxQueued },
	"max_queued_bytes":       func(o *broker.Options) *int { return &o.MaxQueuedBytes },
	"message_size_limit":     func(o *broker.Options) *int { return &o.MaxPayload },
	"max_packet_size":        func(o *broker.Options) *int { return &o.MaxPacketSize },
	"max_connections":        func(o *broker.Options) *int { return &o.MaxConnections },
	"global_max_clients":     func(o *broker.Options) *int { return &o.MaxSessions },
	"max_pending_bytes":      func(o *broker.Options) *int { return &o.MaxPendingBytes },
	"max_retained_messages":  func(o *broker.Options) *int { return &o.MaxRetained },
	"max_retained_bytes":     func(o *broker.Options) *int { return &o.MaxRetainedBytes },
	"max_subscriptions":      func(o *broker.Options) *int { return &o.MaxSubscriptions },
	"max_half_open":          func(o *broker.Options) *int { return &o.MaxHalfOpenPerAddress },
	"max_user_properties":    func(o *broker.Options) *int { return &o.MaxUserProperties },
	"max_client_id_bytes":    func(o *broker.Options) *int { return &o.MaxClientIDBytes },
	"max_topic_alias":        func(o *broker.Options) *int { return &o.MaxTopicAlias },
	"max_topic_alias_broker": func(o *broker.Options) *int { return &o.MaxSendTopicAlias },
}

// secondsOptions are numbers of seconds.
var secondsOptions = map[string]func(o *broker.Options) *time.Duration{
	"max_keepalive":      func(o *broker.Options) *time.Duration { return &o.MaxKeepAlive },
	"max_session_expiry": func(o *broker.Options) *time.Duration { return &o.MaxSessionExpiry },
	"connect_timeout":    func(o *broker.Options) *time.Duration { return &o.ConnectTimeout },
	"write_timeout":      func(o *broker.Options) *time.Duration { return &o.WriteTimeout },
}

// flagOptions set an option when they have this value.
var flagOptions = map[string]struct {
	value string
	flag  func(o *broker.Options) *bool
}{
	"retain_available":            {"false", func(o *broker.Options) *bool { return &o.RetainUnavailable }},
	"allow_zero_length_clientid":  {"false", func(o *broker.Options) *bool { return &o.RefuseEmptyClientID }},
	"queue_qos0_messages":         {"true", func(o *broker.Options) *bool { return &o.QueueQoS0 }},
	"upgrade_outgoing_qos":        {"true", func(o *broker.Options) *bool { return &o.UpgradeQoS }},
	"allow_duplicate_messages":    {"false", func(o *broker.Options) *bool { return &o.MergeOverlapping }},
	"check_retain_source":         {"false", func(o *broker.Options) *bool { return &o.KeepRetainedUnchecked }},
	"validate_payload":            {"true", func(o *broker.Options) *bool { return &o.ValidatePayload }},
	"share_sessions_of_all_users": {"true", func(o *broker.Options) *bool { return &o.ShareOwners }},
}

func setOption(o *broker.Options, p *plugs, key, value string) error {
	if field, ok := numberOptions[key]; ok {
		n, err := strconv.Atoi(value)
		if n == 0 {
			n = -1
		}
		*field(o) = n
		return err
	}
	if field, ok := secondsOptions[key]; ok {
		n, err := strconv.Atoi(value)
		*field(o) = time.Duration(n) * time.Second
		return err
	}
	if option, ok := flagOptions[key]; ok {
		*option.flag(o) = value == option.value
		return nil
	}
	switch key {
	case "max_qos":
		n, err := strconv.ParseUint(value, 10, 2)
		o.MaxQoS = new(packet.QoS(n))
		return err
	case "clientid_prefixes":
		o.ClientIDPrefix = value
	case "auto_id_prefix":
		o.AutoIDPrefix = value
	case "accept_protocol_versions":
		for word := range strings.SplitSeq(value, ",") {
			n, err := strconv.ParseUint(word, 10, 8)
			if err != nil {
				return err
			}
			o.Versions = append(o.Versions, packet.Version(n))
		}
	case "response_information":
		o.ResponseInformation = func(*broker.ConnectRequest) string { return value }
	default:
		return p.set(key, value)
	}
	return nil
}

// plugs are the decisions that dialogues ask for:
//
//	option user joe:secret         who may connect; without one everybody may
//	option moved joe:other.example refers joe to another server
//	option mechanism RIDDLE        an authentication method, see riddle
//	option deny publish a/#        nobody may do this; publish, subscribe or receive
//	option deny_later receive a/#  nobody may from an hour after the start
//	option panic a/b               asking for this topic is a bug in the plug
//	option kick a/b                who publishes to this topic is disconnected
type plugs struct {
	users      map[string]string
	moved      map[string]string
	mechanisms map[string]bool
	denied     map[broker.Action][]string
	later      map[broker.Action][]string
	start      time.Time
	panics     string
	kicks      string
}

func (p *plugs) set(key, value string) error {
	switch key {
	case "user", "moved":
		name, rest, ok := strings.Cut(value, ":")
		if !ok {
			return errors.New("want name:value")
		}
		into := &p.users
		if key == "moved" {
			into = &p.moved
		}
		if *into == nil {
			*into = map[string]string{}
		}
		(*into)[name] = rest
	case "mechanism":
		p.mechanisms = map[string]bool{value: true}
	case "panic":
		p.panics = value
	case "kick":
		p.kicks = value
	case "deny":
		return deny(&p.denied, value)
	case "deny_later":
		p.start = time.Now()
		return deny(&p.later, value)
	default:
		return errors.New("is not known")
	}
	return nil
}

func deny(rules *map[broker.Action][]string, value string) error {
	word, filter, _ := strings.Cut(value, " ")
	if *rules == nil {
		*rules = map[broker.Action][]string{}
	}
	for _, a := range []broker.Action{broker.Publish, broker.Subscribe, broker.Receive} {
		if a.String() == word {
			(*rules)[a] = append((*rules)[a], filter)
			return nil
		}
	}
	return errors.New("want publish, subscribe or receive")
}

func (p *plugs) into(o *broker.Options) {
	switch {
	case p.mechanisms != nil:
		o.Authenticator = enhanced{p}
	case p.users != nil || p.moved != nil:
		o.Authenticator = p
	}
	if p.denied != nil || p.later != nil || p.panics != "" || p.kicks != "" {
		o.Authorizer = p
	}
}

// Authenticate checks the password, if users are known at all.
func (p *plugs) Authenticate(_ context.Context, c *broker.ConnectRequest) error {
	if server, ok := p.moved[c.Username]; ok {
		return &broker.ServerReferenceError{Reason: packet.ServerMoved, ServerReference: server}
	}
	if p.users == nil {
		return nil
	}
	password, known := p.users[c.Username]
	if !known || password != string(c.Password) {
		return fmt.Errorf("user %q: %w", c.Username, packet.BadUserNameOrPassword)
	}
	return nil
}

func (p *plugs) Authorize(c *broker.Client, a broker.Action, name string) error {
	if p.kicks != "" && name == p.kicks && a == broker.Publish {
		c.Disconnect(errors.New("the program wants it"))
	}
	if p.panics != "" && name == p.panics {
		panic("a bug, as the dialogue wants it")
	}
	rules := p.denied[a]
	if p.later != nil && time.Since(p.start) >= time.Hour {
		rules = slices.Concat(rules, p.later[a])
	}
	for _, filter := range rules {
		if filter == name || topic.Match(filter, name) {
			return fmt.Errorf("%v of %s is denied: %w", a, name, packet.NotAuthorized)
		}
	}
	return nil
}

// enhanced knows an authentication method besides.
type enhanced struct{ *plugs }

var _ broker.EnhancedAuthenticator = enhanced{}

func (e enhanced) Begin(_ context.Context, c *broker.ConnectRequest, method string) (broker.AuthExchange, error) {
	if !e.mechanisms[method] {
		return nil, packet.BadAuthenticationMethod
	}
	return &riddle{request: c}, nil
}

// riddle is an exchange: the client says its name, is asked a riddle and must
// know the answer. A name of "friend" needs none, and "moved" is sent away.
type riddle struct {
	request *broker.ConnectRequest
	name    string
}

func (r *riddle) Next(_ context.Context, data []byte) (answer []byte, done bool, err error) {
	switch {
	case r.name == "" && string(data) == "friend":
		r.request.Username = "friend"
		return nil, true, nil
	case r.name == "" && string(data) == "moved":
		return nil, false, &broker.ServerReferenceError{Reason: packet.UseAnotherServer, ServerReference: "other.example"}
	case r.name == "":
		r.name = string(data)
		return []byte("riddle"), false, nil
	case string(data) == "once more":
		return []byte("riddle"), false, nil
	case string(data) == "answer":
		r.request.Username = r.name
		return []byte("right"), true, nil
	default:
		return nil, false, errors.New("wrong answer")
	}
}
