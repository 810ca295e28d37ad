package config

import "math"

// bridgeWords are built when connection is: see Word.State.
var bridgeWords = []Word{
	{
		Name: "connection", Scope: Opening, Kind: String, Value: "NAME", Status: Later,
		Sample: "office",
		Doc:    "Begin a bridge to another broker; its words come below it. Each has a name of its own, at least one address and at least one topic.",
	},
	{
		Name: "address", Also: []string{"addresses"}, Scope: PerBridge, Kind: String, Value: "HOST[:PORT]...",
		Sample: "mqtt.example.org:1883",
		Doc:    "Where the other broker is; the port is 1883 unless given. More than one is for when the first cannot be reached. An IPv6 address needs its port.",
		place:  func(t target) any { return &t.bridge.Addresses },
	},
	{
		Name: "round_robin", Scope: PerBridge, Kind: Bool, Default: "false",
		Doc:   "Stay with the next address when one fails. With false, the first is the one to be at, and tried again from time to time.",
		place: func(t target) any { return &t.bridge.RoundRobin },
	},
	{
		Name: "topic", Scope: PerBridge, Kind: Form, Value: "PATTERN [DIRECTION [QOS [LOCAL [REMOTE]]]]",
		Sample: "sensors/# out 1",
		Doc: "Which messages pass the bridge: a topic filter; out, in or both, of which out is the default; the QoS, of which 0 is; and what the topics begin with " +
			"here and there. Write \"\" for nothing, and quotes around what has blanks. May be repeated.",
		place: func(t target) any { return &t.bridge.Topics },
	},
	{
		Name: "start_type", Scope: PerBridge, Kind: Choice, Choices: []string{"automatic", "lazy", "once"}, Default: "automatic",
		Doc:   "When the bridge connects: automatic keeps it connected, lazy connects when there is something to send, once connects at the start and never again.",
		place: func(t target) any { return &t.bridge.StartType },
	},
	{
		Name: "idle_timeout", Scope: PerBridge, Kind: Integer, Lenient: true, Min: 1, Max: unbounded, Default: "60", Value: "SECONDS",
		Doc:   "After how many seconds without a message a lazy bridge disconnects.",
		place: func(t target) any { return &t.bridge.IdleTimeout },
	},
	{
		Name: "threshold", Scope: PerBridge, Kind: Integer, Lenient: true, Min: 1, Max: unbounded, Default: "10", Value: "MESSAGES",
		Doc:   "How many messages must wait before a lazy bridge connects.",
		place: func(t target) any { return &t.bridge.Threshold },
	},
	{
		Name: "restart_timeout", Scope: PerBridge, Kind: Form, Value: "BASE [CAP [STABLE]]", Default: "5 30",
		Sample: "10 60",
		Doc: "How many seconds to wait before the bridge connects again: always BASE, or between BASE and CAP, longer each time, until it has been " +
			"connected for STABLE seconds.",
		place: func(t target) any { return &t.bridge.Restart },
	},
	{
		Name: "keepalive_interval", Scope: PerBridge, Kind: Integer, Lenient: true, Min: 5, Max: 65535, Default: "60", Value: "SECONDS",
		Doc:   "After how many seconds without a packet the bridge asks whether the other side is there.",
		place: func(t target) any { return &t.bridge.Keepalive },
	},
	{
		Name: "cleansession", Scope: PerBridge, Kind: Bool, Default: "false",
		Doc:   "Begin anew at each connection. With false, messages wait while the bridge is not connected, on both sides.",
		place: func(t target) any { return &t.bridge.CleanSession },
	},
	{
		Name: "local_cleansession", Scope: PerBridge, Kind: Bool,
		Doc:   "The same, of this side only; what cleansession says unless given.",
		place: func(t target) any { return &t.bridge.LocalCleanSession },
	},
	{
		Name: "remote_clientid", Aliases: []string{"clientid"}, Scope: PerBridge, Kind: String,
		Doc:   "The client identifier for the other broker; unless given, the name of this host, a dot and that of the bridge.",
		place: func(t target) any { return &t.bridge.RemoteClientID },
	},
	{
		Name: "remote_username", Aliases: []string{"username"}, Scope: PerBridge, Kind: String, Value: "NAME",
		Doc:   "The user name for the other broker.",
		place: func(t target) any { return &t.bridge.RemoteUsername },
	},
	{
		Name: "remote_password", Aliases: []string{"password"}, Scope: PerBridge, Kind: String, Secret: true,
		Doc:   "The password for the other broker.",
		place: func(t target) any { return &t.bridge.RemotePassword },
	},
	{
		Name: "local_clientid", Scope: PerBridge, Kind: String,
		Doc:   "The client identifier of the bridge on this side; unless given, local. and the remote one.",
		place: func(t target) any { return &t.bridge.LocalClientID },
	},
	{
		Name: "local_username", Scope: PerBridge, Kind: String, Value: "NAME",
		Doc:   "The user name whose rights the bridge has on this side.",
		place: func(t target) any { return &t.bridge.LocalUsername },
	},
	{
		Name: "local_password", Scope: PerBridge, Kind: String, Secret: true,
		Doc:   "The password of that user.",
		place: func(t target) any { return &t.bridge.LocalPassword },
	},
	{
		Name: "notifications", Scope: PerBridge, Kind: Bool, Default: "true",
		Doc:   "Publish a retained 1 or 0 to both brokers when the bridge connects or disconnects.",
		place: func(t target) any { return &t.bridge.Notifications },
	},
	{
		Name: "notifications_local_only", Scope: PerBridge, Kind: Bool, Default: "false",
		Doc:   "Publish it to this broker only.",
		place: func(t target) any { return &t.bridge.NotificationsLocalOnly },
	},
	{
		Name: "notification_topic", Scope: PerBridge, Kind: String, Value: "TOPIC",
		Doc:   "Where it is published; unless given, $SYS/broker/connection/, remote_clientid and /state.",
		place: func(t target) any { return &t.bridge.NotificationTopic },
	},
	{
		Name: "try_private", Scope: PerBridge, Kind: Bool, Default: "true",
		Doc:   "Tell the other broker that this is a bridge, which keeps messages from going round in circles.",
		place: func(t target) any { return &t.bridge.TryPrivate },
	},
	{
		Name: "bridge_protocol_version", Scope: PerBridge, Kind: Choice, Choices: []string{"mqttv311", "mqttv50", "mqttv31"}, Default: "mqttv311",
		Doc:   "The version of MQTT towards the other broker.",
		place: func(t target) any { return &t.bridge.ProtocolVersion },
	},
	{
		Name: "bridge_attempt_unsubscribe", Scope: PerBridge, Kind: Bool, Default: "true",
		Doc:   "Unsubscribe at the other broker from topics that go out only, in case an earlier configuration had them come in.",
		place: func(t target) any { return &t.bridge.AttemptUnsub },
	},
	{
		Name: "bridge_bind_address", Scope: PerBridge, Kind: String, Value: "ADDRESS",
		Doc:   "The address of this machine that the bridge connects from.",
		place: func(t target) any { return &t.bridge.BindAddress },
	},
	{
		Name: "bridge_max_packet_size", Scope: PerBridge, Kind: Integer, Max: unbounded, Default: "0", Value: "BYTES",
		Doc:   "The largest packet in bytes that the bridge takes, of which it tells brokers of MQTT 5.0; 0: no limit.",
		place: func(t target) any { return &t.bridge.MaxPacketSize },
	},
	{
		Name: "bridge_max_topic_alias", Scope: PerBridge, Kind: Integer, Max: 65535, Default: "10",
		Doc:   "How many topic aliases the other broker may use towards the bridge.",
		place: func(t target) any { return &t.bridge.MaxTopicAlias },
	},
	{
		Name: "bridge_outgoing_retain", Scope: PerBridge, Kind: Bool, Default: "true",
		Doc:   "Let retained messages be retained at the other broker too; with false for brokers that do not have that.",
		place: func(t target) any { return &t.bridge.OutgoingRetain },
	},
	{
		Name: "bridge_receive_maximum", Scope: PerBridge, Kind: Integer, Max: 65535, Default: "0",
		Doc:   "How many messages of QoS 1 and 2 the other broker may have under way to the bridge; 0: what max_inflight_messages says.",
		place: func(t target) any { return &t.bridge.ReceiveMaximum },
	},
	{
		Name: "bridge_session_expiry_interval", Scope: PerBridge, Kind: Integer, Max: math.MaxUint32, Default: "0", Value: "SECONDS",
		Doc:   "How long a broker of MQTT 5.0 keeps the session of the bridge while it is not connected; 4294967295: for ever.",
		place: func(t target) any { return &t.bridge.SessionExpiry },
	},
	{
		Name: "bridge_reload_type", Scope: PerBridge, Kind: Choice, Choices: []string{"lazy", "immediate"}, Default: "lazy",
		Doc:   "When a reload applies to the bridge: lazy waits for its next connection, immediate connects again at once.",
		place: func(t target) any { return &t.bridge.ReloadType },
	},
	{
		Name: "bridge_tcp_keepalive", Scope: PerBridge, Kind: Form, Value: "IDLE INTERVAL COUNT",
		Sample: "60 10 5",
		Doc:    "Have the kernel test a silent connection after IDLE seconds, each INTERVAL seconds, and give up after COUNT; off unless given.",
		place:  func(t target) any { return &t.bridge.TCPKeepalive },
	},
	{
		Name: "bridge_tcp_user_timeout", Scope: PerBridge, Kind: Integer, Max: math.MaxInt32, Value: "MILLISECONDS",
		Doc:   "How long the kernel waits for what was sent to be acknowledged; its own time unless given. For Linux.",
		place: func(t target) any { return &t.bridge.TCPUserTimeoutMS },
	},
	{
		Name: "bridge_cafile", Scope: PerBridge, Kind: String, Value: "PATH",
		Sample: "/etc/ssl/certs/ca-certificates.crt",
		Doc:    "The certificates of the authorities that the other broker's must come from, as PEM; it turns TLS on.",
		place:  func(t target) any { return &t.bridge.TLS.CAFile },
	},
	{
		Name: "bridge_capath", Scope: PerBridge, Kind: String, Value: "DIRECTORY",
		Doc:   "The same as a directory, prepared with 'openssl rehash'; it turns TLS on.",
		place: func(t target) any { return &t.bridge.TLS.CAPath },
	},
	{
		Name: "bridge_tls_use_os_certs", Scope: PerBridge, Kind: Bool, Default: "false",
		Doc:   "Trust the authorities that the system trusts; it turns TLS on.",
		place: func(t target) any { return &t.bridge.TLS.UseOSCerts },
	},
	{
		Name: "bridge_certfile", Scope: PerBridge, Kind: String, Value: "PATH",
		Doc:   "The certificate of the bridge, as PEM.",
		place: func(t target) any { return &t.bridge.TLS.CertFile },
	},
	{
		Name: "bridge_keyfile", Scope: PerBridge, Kind: String, Value: "PATH", Last: true,
		Doc:   "Its private key, as PEM.",
		place: func(t target) any { return &t.bridge.TLS.KeyFile },
	},
	{
		Name: "bridge_insecure", Scope: PerBridge, Kind: Bool, Default: "false",
		Doc:   "Do not check that the certificate is that of the host: for tests only.",
		place: func(t target) any { return &t.bridge.TLS.Insecure },
	},
	{
		Name: "bridge_alpn", Scope: PerBridge, Kind: String, Value: "NAME",
		Sample: "x-amzn-mqtt-ca",
		Doc:    "The application protocol to ask for in TLS: x-amzn-mqtt-ca for AWS on port 443.",
		place:  func(t target) any { return &t.bridge.TLS.ALPN },
	},
	{
		Name: "bridge_tls_version", Scope: PerBridge, Kind: Choice, Choices: []string{"tlsv1.3", "tlsv1.2", "tlsv1.1"}, Default: "tlsv1.2",
		Doc:   "The version of TLS towards the other broker.",
		place: func(t target) any { return &t.bridge.TLS.Version },
	},
	{
		Name: "bridge_ciphers", Scope: PerBridge, Kind: String, Value: "LIST",
		Doc:   "The ciphers for TLS 1.2, in OpenSSL's language.",
		place: func(t target) any { return &t.bridge.TLS.Ciphers },
	},
	{
		Name: "bridge_ciphers_tls1.3", Scope: PerBridge, Kind: String, Value: "LIST",
		Doc:   "The ciphers for TLS 1.3, with colons between them.",
		place: func(t target) any { return &t.bridge.TLS.CiphersTLS13 },
	},
	{
		Name: "bridge_require_ocsp", Scope: PerBridge, Kind: Bool, Default: "false",
		Doc:   "Refuse a broker that does not prove with its certificate that it is not revoked.",
		place: func(t target) any { return &t.bridge.TLS.RequireOCSP },
	},
	{
		Name: "bridge_identity", Scope: PerBridge, Kind: String,
		Sample: "office",
		Doc:    "The identity of the bridge for TLS with a pre-shared key, which bridge_psk has.",
		place:  func(t target) any { return &t.bridge.TLS.Identity },
	},
	{
		Name: "bridge_psk", check: hexadecimal, Scope: PerBridge, Kind: String, Value: "HEX", Secret: true,
		Sample: "deadbeef",
		Doc:    "The pre-shared key, hexadecimal without 0x; it turns TLS on.",
		place:  func(t target) any { return &t.bridge.TLS.PSK },
	},
}
