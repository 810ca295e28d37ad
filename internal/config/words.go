package config

// words are those that are built. The order is that of the documentation.
var words = []Word{
	// Listeners.
	{
		Name: "listener", Scope: Opening, Kind: Place,
		Doc: "Listen on a port, at all addresses or at the one that follows; may be repeated, and the words of a listener follow it.",
	},
	{
		Name: "port", Scope: Opening, Kind: Place, Default: "1883", Deprecated: "listener",
		Doc: "The port of the default listener.",
	},
	{
		Name: "bind_address", Scope: Opening, Kind: String, Deprecated: "listener", Once: true,
		Doc: "The address of the default listener.",
	},
	{
		Name: "accept_protocol_versions", Scope: PerListener, Kind: List,
		Doc:   "The versions of MQTT that are served: a list of 3 for 3.1, 4 for 3.1.1 and 5 for 5.0; all unless given.",
		place: func(t target) any { return &t.listener.Versions },
	},
	{
		Name: "listener_allow_anonymous", Scope: PerListener, Kind: Bool,
		Doc:   "What allow_anonymous says, for this listener.",
		place: func(t target) any { return &t.listener.AllowAnonymous },
	},
	{
		Name: "listener_auto_id_prefix", Scope: PerListener, Kind: String, Max: 50, Once: true,
		Doc:   "What auto_id_prefix says, for this listener.",
		place: func(t target) any { return &t.listener.AutoIDPrefix },
	},
	{
		Name: "max_connections", Scope: DefaultListener, Kind: Integer, Min: -1, Max: unbounded, Default: "-1",
		Doc:   "How many clients may be connected to the listener; 0 and -1: no limit.",
		place: func(t target) any { return &t.listener.MaxConnections },
	},
	maxQoS("max_qos", ""),
	maxQoS("maximum_qos", "max_qos"),
	{
		Name: "max_topic_alias", Scope: PerListener, Kind: Integer, Max: 65535, Default: "10",
		Doc:   "How many topic aliases a client of MQTT 5.0 may use; 0: none.",
		place: func(t target) any { return &t.listener.MaxTopicAlias },
	},
	{
		Name: "max_topic_alias_broker", Scope: PerListener, Kind: Integer, Max: 65535, Default: "10",
		Doc:   "How many topic aliases the broker uses towards a client that allows them; 0: none.",
		place: func(t target) any { return &t.listener.MaxTopicAliasBroker },
	},
	{
		Name: "set_tcp_nodelay", Scope: Global, Kind: Bool, Default: "true",
		Doc:   "Send small packets at once instead of waiting for more; Mosquitto's default is false.",
		place: func(t target) any { return &t.config.SetTCPNoDelay },
	},

	// Who may connect.
	{
		Name: "allow_anonymous", Scope: Global, Kind: Bool,
		Doc:   "Let clients connect that give no user name; false unless the broker serves this machine only.",
		place: func(t target) any { return &t.config.AllowAnonymous },
	},
	{
		Name: "allow_zero_length_clientid", Scope: Global, Kind: Bool, Default: "true",
		Doc:   "Assign a client identifier to clients that have none.",
		place: func(t target) any { return &t.config.AllowZeroLengthClientID },
	},
	{
		Name: "auto_id_prefix", Scope: Global, Kind: String, Max: 50, Default: "auto-", Once: true,
		Doc:   "What assigned client identifiers begin with.",
		place: func(t target) any { return &t.config.AutoIDPrefix },
	},
	{
		Name: "check_retain_source", Scope: Global, Kind: Bool, Default: "true",
		Doc:   "Deliver a retained message only while its publisher may still publish it.",
		place: func(t target) any { return &t.config.CheckRetainSource },
	},

	// Limits.
	{
		Name: "global_max_clients", Scope: Global, Kind: Integer, Min: -1, Max: unbounded, Default: "20000",
		Doc:   "How many sessions there may be, of absent clients too; 0 and -1: no limit, as is Mosquitto's default.",
		place: func(t target) any { return &t.config.GlobalMaxClients },
	},
	{
		Name: "global_max_connections", Scope: Global, Kind: Integer, Min: -1, Max: unbounded, Default: "-1",
		Doc:   "How many clients may be connected; 0 and -1: no limit.",
		place: func(t target) any { return &t.config.GlobalMaxConnections },
	},
	{
		Name: "max_inflight_messages", Scope: Global, Kind: Integer, Max: 65535, Default: "20",
		Doc:   "How many messages of QoS 1 and 2 may be under way to a client; 0: no limit; 1: they arrive in order.",
		place: func(t target) any { return &t.config.MaxInflightMessages },
	},
	{
		Name: "max_inflight_bytes", Scope: Global, Kind: Integer, Max: unbounded, Default: "0",
		Doc:   "How many bytes their payloads may have; 0: no limit.",
		place: func(t target) any { return &t.config.MaxInflightBytes },
	},
	{
		Name: "max_queued_messages", Scope: Global, Kind: Integer, Max: unbounded, Default: "1000",
		Doc:   "How many messages may wait for a client; 0: no limit.",
		place: func(t target) any { return &t.config.MaxQueuedMessages },
	},
	{
		Name: "max_queued_bytes", Scope: Global, Kind: Integer, Max: unbounded, Default: "16777216",
		Doc:   "How many bytes their payloads may have; 0: no limit, as is Mosquitto's default.",
		place: func(t target) any { return &t.config.MaxQueuedBytes },
	},
	{
		Name: "max_keepalive", Scope: Global, Kind: Integer, Max: 65535, Default: "0",
		Doc:   "The longest keep alive in seconds: clients of MQTT 5.0 are told, others that ask for more are refused; 0: no limit.",
		place: func(t target) any { return &t.config.MaxKeepAlive },
	},
	{
		Name: "max_packet_size", Scope: Global, Kind: Integer, Min: 20, Max: unbounded, Default: "2000000",
		Doc:   "The largest packet in bytes that a client may send.",
		place: func(t target) any { return &t.config.MaxPacketSize },
	},
	{
		Name: "persistent_client_expiration", Scope: Global, Kind: Duration,
		Doc:   "How long the session of an absent client is kept: a number and h, d, w, m (30 days) or y; for ever unless given.",
		place: func(t target) any { return &t.config.PersistentClientExpiration },
	},

	// Messages.
	{
		Name: "allow_duplicate_messages", Scope: Global, Kind: Bool, Default: "true",
		Doc:   "Send a message once for each of a client's subscriptions that match it, not once for all.",
		place: func(t target) any { return &t.config.AllowDuplicateMessages },
	},
	{
		Name: "queue_qos0_messages", Scope: Global, Kind: Bool, Default: "false",
		Doc:   "Keep messages of QoS 0 for absent clients too.",
		place: func(t target) any { return &t.config.QueueQoS0Messages },
	},
	{
		Name: "retain_available", Scope: Global, Kind: Bool, Default: "true",
		Doc:   "Retain messages; with false, clients that want it are disconnected.",
		place: func(t target) any { return &t.config.RetainAvailable },
	},
	{
		Name: "upgrade_outgoing_qos", Scope: Global, Kind: Bool, Default: "false",
		Doc:   "Deliver with the QoS of the subscription even what was published with less.",
		place: func(t target) any { return &t.config.UpgradeOutgoingQoS },
	},

	// Logging.
	{
		Name: "log_type", Scope: Global, Kind: List, Default: "error, warning, notice, information",
		Doc:   "A kind of log line to write: error, warning, notice, information, debug, subscribe, unsubscribe, websockets, internal, none or all; may be repeated.",
		place: func(t target) any { return &t.config.LogTypes },
	},
	{
		Name: "log_dest", Scope: Global, Kind: List, Default: "stderr",
		Doc:   "Where the log goes: stdout, stderr or none; may be repeated.",
		place: func(t target) any { return &t.config.LogDests },
	},
	{
		Name: "log_timestamp", Scope: Global, Kind: Bool, Default: "true",
		Doc:   "Begin each line of the log with the time in seconds since 1970.",
		place: func(t target) any { return &t.config.LogTimestamp },
	},
	{
		Name: "connection_messages", Scope: Global, Kind: Bool, Default: "true",
		Doc:   "Log when a client connects and disconnects.",
		place: func(t target) any { return &t.config.ConnectionMessages },
	},
}

func maxQoS(name, deprecated string) Word {
	return Word{
		Name: name, Scope: DefaultListener, Kind: Integer, Max: 2, Default: "2", Deprecated: deprecated,
		Doc:   "The highest QoS that clients may publish with.",
		place: func(t target) any { return &t.listener.MaxQoS },
	}
}
