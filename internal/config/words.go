package config

// The table. The order is that of the documentation. When a feature is built,
// the Status of its rows goes.

var (
	off  = []string{"false", "0"}
	none = []string{"0"}
)

var processWords = []Word{
	{
		Name: "include_dir", Scope: Opening, Kind: String, Value: "DIRECTORY",
		Sample: "/etc/mosquitto/conf.d",
		Doc: "Read all files of a directory whose names end in .conf, in the place of this line. They are sorted by name regardless of case and, of " +
			"the same letter, the capital first. What a word belongs to is known per file: a listener, bridge or plugin that one file begins is not " +
			"that of another. May be repeated; in a file that is included itself it has no effect.",
	},
	{
		Name: "pid_file", Kind: String, Value: "PATH", Restart: true,
		Sample: "/run/mosquitto/mosquitto.pid",
		Doc:    "Write the number of the process into a file, and remove the file at the end.",
		place:  func(t target) any { return &t.config.PIDFile },
	},
	{
		Name: "user", Kind: String, Value: "NAME", Restart: true, Last: true,
		Sample: "mosquitto",
		Doc:    "The user to become when the broker is started as root, which it does before it listens; unless given, mosquitto if there is such a user, else nobody. With root it stays the administrator. The environment's PUID and PGID, the numbers of a user and a group, go before it.",
		place:  func(t target) any { return &t.config.User },
	},
	{
		Name: "sys_interval", Kind: Integer, Max: 65535, Default: "10", Value: "SECONDS",
		Doc:   "How often the topics below $SYS are published, in seconds; 0: never.",
		place: func(t target) any { return &t.config.SysInterval },
	},
	{
		Name: "enable_control_api", Kind: Bool, Default: "false",
		Doc:   "Answer requests to $CONTROL/broker/v1, which list the listeners and plugins.",
		place: func(t target) any { return &t.config.EnableControlAPI },
	},
	{
		Name: "set_tcp_nodelay", Kind: Bool, Default: "true",
		Doc:   "Send small packets at once instead of waiting for more. Mosquitto's default is false.",
		place: func(t target) any { return &t.config.SetTCPNoDelay },
	},
	{
		Name: "packet_buffer_size", Aliases: []string{"websockets_headers_size"}, Kind: Integer, Max: 65535, Default: "4096", Value: "BYTES",
		Status: Inert, Why: "buffers grow and shrink with what is read",
		bounds: "Packet buffer size must be between 0 and 65535 inclusive.",
		Doc:    "In Mosquitto, the size of the buffer for what a client sends, and of the header of a WebSocket request.",
		place:  func(t target) any { return &t.config.PacketBufferSize },
	},
}

var securityWords = []Word{
	{
		Name: "per_listener_settings", Scope: Opening, Kind: Bool, Default: "false",
		Doc: "Let the words of this section that are said per listener apply to the listener above them instead of to all: allow_anonymous, " +
			"allow_zero_length_clientid, acl_file, auto_id_prefix, password_file, plugin and psk_file. The line comes before any of them in its file.",
	},
	{
		Name: "allow_anonymous", Scope: PerSecurity, Kind: Bool,
		Doc:   "Let clients connect that give no user name. Unless given, it is false, or true if nothing in the configuration opens the broker to the network.",
		place: func(t target) any { return &t.security.AllowAnonymous },
	},
	{
		Name: "password_file", Scope: PerSecurity, Kind: String, Value: "PATH", Last: true,
		Sample: "/etc/mosquitto/passwd",
		Doc: "The users who may connect, and the hashes of their passwords, as zancudo passwd writes them: a line user:hash each. A client that gives a user name " +
			"must be one of them. It is read again on a reload, which disconnects those who were removed or have another password, and nobody else.",
		place: func(t target) any { return &t.security.PasswordFile },
	},
	{
		Name: "acl_file", Scope: PerSecurity, Kind: String, Value: "PATH", Last: true,
		Sample: "/etc/mosquitto/acl",
		Doc: "Who may publish to and receive from which topics: what no rule in the file allows is denied, and an empty file allows nothing. Without a file " +
			"everything is allowed. security.md tells how rules are written.",
		place: func(t target) any { return &t.security.ACLFile },
	},
	{
		Name: "acl_mode", Kind: Choice, Choices: []string{"enforce", "warn", "learn"}, Default: "enforce", Ours: true,
		Doc: "What becomes of what acl_file does not allow: enforce denies it, warn lets it pass and logs it, and learn lets everything pass and takes notes, of " +
			"which 'zancudo acl suggest' makes a file. Mosquitto does not know the word.",
		place: func(t target) any { return &t.config.ACLMode },
	},
	{
		Name: "psk_file", Scope: PerSecurity, Kind: String, Value: "PATH", Last: true,
		Sample: "/etc/mosquitto/psk",
		Doc:    "The identities and hexadecimal keys of clients of listeners with psk_hint: identity:key, a line each. When the file changes it is read again, for connections that come from then on.",
		place:  func(t target) any { return &t.security.PSKFile },
	},
	{
		Name: "allow_zero_length_clientid", Scope: PerSecurity, Kind: Bool, Default: "true",
		Doc:   "Assign a client identifier to clients that have none.",
		place: func(t target) any { return &t.security.AllowZeroLengthClientID },
	},
	{
		Name: "auto_id_prefix", Scope: PerSecurity, Kind: String, Max: 50, Default: "auto-",
		Doc:   "What assigned client identifiers begin with.",
		place: func(t target) any { return &t.security.AutoIDPrefix },
	},
	{
		Name: "clientid_prefixes", Kind: String, Last: true, Deprecated: "say in acl_file what each may do",
		Sample: "device-",
		Doc:    "Let only clients connect whose identifiers begin with this.",
		place:  func(t target) any { return &t.config.ClientIDPrefixes },
	},
	{
		Name: "check_session_owner", Kind: Bool, Default: "true", Ours: true,
		Doc: "Refuse clients that ask for the session of another user, or would end it. A session belongs to the user who made it, or to the clients without a user name; " +
			"with false, as in Mosquitto, whoever knows a client identifier gets its messages.",
		place: func(t target) any { return &t.config.CheckSessionOwner },
	},
	{
		Name: "check_retain_source", Kind: Bool, Default: "true",
		Doc:   "Deliver a retained message only while its publisher may still publish it.",
		place: func(t target) any { return &t.config.CheckRetainSource },
	},
	{
		Name: "plugin", Aliases: []string{"auth_plugin"}, Scope: Opening, Kind: String, Value: "PATH",
		Sample: "mosquitto_password_file.so",
		Doc: "Use a plugin. Those of Mosquitto for password files (mosquitto_password_file.so with plugin_opt_password_file), access rules " +
			"(mosquitto_acl_file.so with plugin_opt_acl_file) and dynamic security (mosquitto_dynamic_security.so with plugin_opt_config_file) are built in and known by their names, " +
			"wherever the files are; nothing is loaded. For mosquitto_persist_sqlite.so the broker's own store does the work, as with persistence true; it takes over the database that " +
			"plugin_opt_db_file names, and the other options of it have no effect. Others are not supported.",
	},
	{
		Name: "global_plugin", Scope: Opening, Kind: String, Value: "PATH",
		Sample: "mosquitto_password_file.so",
		Doc:    "Use a plugin for all listeners, and before those of a listener, whatever per_listener_settings says.",
	},
	{
		Name: "plugin_load", Scope: Opening, Kind: Form, Value: "NAME PATH",
		Sample: "users mosquitto_password_file.so",
		Doc:    "Load a plugin for the listeners that ask for it with plugin_use.",
	},
	{
		Name: "plugin_use", Scope: Opening, Kind: String, Value: "NAME",
		Sample: "users",
		Doc:    "Use a plugin that plugin_load has named, for the listener above.",
	},
	{
		Name: "plugin_opt_*", Aliases: []string{"auth_opt_*"}, Scope: PerPlugin, Kind: Form, Value: "VALUE",
		Sample: "VALUE",
		Doc:    "An option of the plugin above; its name takes the place of the asterisk.",
		place:  func(t target) any { return t.plugin },
	},
	{
		Name: "auth_plugin_deny_special_chars", Scope: PerPlugin, Kind: Bool, Default: "true",
		Doc:   "Have the plugin above deny clients whose identifier or user name has a + or #.",
		place: func(t target) any { return &t.plugin.DenySpecialChars },
	},
}

var persistenceWords = []Word{
	{
		Name: "persistence", Aliases: []string{"retained_persistence"}, Kind: Bool, Default: "false", Restart: true,
		Doc:   "Keep sessions and retained messages on disk: what is acknowledged is there before the acknowledgement leaves. Without a configuration file it is true.",
		place: func(t target) any { return &t.config.Persistence },
	},
	{
		Name: "persistence_file", Kind: String, Value: "NAME", Default: "mosquitto.db", Restart: true,
		Doc:   "The name of the file that stands for what is kept; who removes it while the broker is stopped starts afresh.",
		place: func(t target) any { return &t.config.PersistenceFile },
	},
	{
		Name: "persistence_location", Kind: String, Value: "DIRECTORY", Restart: true,
		Sample: "/var/lib/mosquitto/",
		Doc:    "Where it is kept, in a directory 'zancudo' of its own; unless given, in the working directory. Without a configuration file it is the state directory of the service, STATE_DIRECTORY, or of the user, XDG_STATE_HOME/zancudo or ~/.local/state/zancudo; for root it is /var/lib/zancudo. The environment's MOSQUITTO_PERSISTENCE_LOCATION goes before it.",
		place:  func(t target) any { return &t.config.PersistenceLocation },
	},
	{
		Name: "persistence_sync", Kind: Form, Choices: []string{"always", "interval", "never"}, Value: "always|interval MILLISECONDS|never", Default: "always", Sample: "interval 1000", Ours: true,
		Doc: "When what is acknowledged is safe from a power failure: always, before the acknowledgement leaves; interval, that many milliseconds " +
			"later at most; never, when the operating system has written it. The end of the process alone loses nothing with any of them.",
		place: func(t target) any { return &t.config.PersistenceSync },
	},
	{
		Name: "autosave_interval", Kind: Integer, Lenient: true, Max: unbounded, Default: "1800", Value: "SECONDS",
		Status: Inert, Why: "nothing waits to be saved",
		Doc:   "In Mosquitto, how often everything is saved.",
		place: func(t target) any { return &t.config.AutosaveInterval },
	},
	{
		Name: "autosave_on_changes", Kind: Bool, Default: "false", Status: Inert, Harmless: off, Why: "nothing waits to be saved",
		Doc:   "In Mosquitto, take autosave_interval for a number of changes.",
		place: func(t target) any { return &t.config.AutosaveOnChanges },
	},
}

var limitWords = []Word{
	{
		Name: "global_max_clients", Kind: Integer, Min: -1, Max: unbounded, Default: "20000",
		Doc:   "How many sessions there may be, of absent clients too; 0 and -1: no limit, as is Mosquitto's default.",
		place: func(t target) any { return &t.config.GlobalMaxClients },
	},
	{
		Name: "global_max_connections", Kind: Integer, Min: -1, Max: unbounded, Default: "-1",
		Doc:   "How many clients may be connected; 0 and -1: no limit.",
		place: func(t target) any { return &t.config.GlobalMaxConnections },
	},
	{
		Name: "max_inflight_messages", Kind: Integer, Lenient: true, Max: 65535, Default: "20",
		Doc:   "How many messages of QoS 1 and 2 may be under way to a client; 0: no limit; 1: they arrive in order.",
		place: func(t target) any { return &t.config.MaxInflightMessages },
	},
	{
		Name: "max_inflight_bytes", Kind: Integer, Lenient: true, Max: unbounded, Default: "0", Value: "BYTES",
		Doc:   "How many bytes their payloads may have; 0: no limit.",
		place: func(t target) any { return &t.config.MaxInflightBytes },
	},
	{
		Name: "max_queued_messages", Kind: Integer, Lenient: true, Max: unbounded, Default: "1000",
		Doc:   "How many messages may wait for a client; 0: no limit.",
		place: func(t target) any { return &t.config.MaxQueuedMessages },
	},
	{
		Name: "max_queued_bytes", Kind: Integer, Lenient: true, Max: unbounded, Default: "16777216", Value: "BYTES",
		Doc:   "How many bytes their payloads may have; 0: no limit, as is Mosquitto's default.",
		place: func(t target) any { return &t.config.MaxQueuedBytes },
	},
	{
		Name: "max_keepalive", Kind: Integer, Max: 65535, Default: "0", Value: "SECONDS",
		Doc:   "The longest keep alive in seconds: clients of MQTT 5.0 are told, others that ask for more are refused; 0: no limit.",
		place: func(t target) any { return &t.config.MaxKeepAlive },
	},
	{
		Name: "max_packet_size", Kind: Integer, Min: 20, Max: unbounded, Default: "2000000", Value: "BYTES",
		Doc:   "The largest packet in bytes that a client may send.",
		place: func(t target) any { return &t.config.MaxPacketSize },
	},
	{
		Name: "message_size_limit", Kind: Integer, Max: 268435455, Default: "0", Value: "BYTES", Deprecated: "use 'max_packet_size'",
		Doc:   "The largest payload in bytes that is passed on; larger ones are acknowledged and dropped; 0: no limit.",
		place: func(t target) any { return &t.config.MessageSizeLimit },
	},
	{
		Name: "memory_limit", Kind: Integer, Max: unbounded, Default: "0", Value: "BYTES", Status: Later, Harmless: none,
		Doc:   "How much memory in bytes the broker may use before it takes no more; 0: no limit.",
		place: func(t target) any { return &t.config.MemoryLimit },
	},
}

var messageWords = []Word{
	{
		Name: "allow_duplicate_messages", Kind: Bool, Default: "true",
		Doc:   "Send a message once for each of a client's subscriptions that match it, not once for all. Mosquitto calls the word deprecated.",
		place: func(t target) any { return &t.config.AllowDuplicateMessages },
	},
	{
		Name: "queue_qos0_messages", Kind: Bool, Default: "false",
		Doc:   "Keep messages of QoS 0 for absent clients too.",
		place: func(t target) any { return &t.config.QueueQoS0Messages },
	},
	{
		Name: "retain_available", Kind: Bool, Default: "true",
		Doc:   "Retain messages; with false, clients that want it are disconnected.",
		place: func(t target) any { return &t.config.RetainAvailable },
	},
	{
		Name: "retain_expiry_interval", Kind: Integer, Min: 1, Max: unbounded, Default: "60", Value: "MINUTES",
		Doc:   "How often in minutes retained messages that have expired are removed. They are never delivered; unless given, Mosquitto keeps them.",
		place: func(t target) any { return &t.config.RetainExpiryInterval },
	},
	{
		Name: "upgrade_outgoing_qos", Kind: Bool, Default: "false",
		Doc:   "Deliver with the QoS of the subscription even what was published with less, which the standard does not provide for.",
		place: func(t target) any { return &t.config.UpgradeOutgoingQoS },
	},
	{
		Name: "persistent_client_expiration", Kind: Duration,
		Doc:   "How long the session of an absent client is kept: a number and h, d, w, m (30 days) or y; for ever unless given. A reload that makes it shorter reaches those who are away.",
		place: func(t target) any { return &t.config.PersistentClientExpiration },
	},
	{
		Name: "retry_interval", Kind: Integer, Lenient: true, Max: unbounded, Default: "20", Value: "SECONDS",
		Status: Inert, Why: "messages are sent again when a client comes back, as the standard has it, and never while it is connected",
		Doc:   "In Mosquitto before 1.5, when a message was sent again.",
		place: func(t target) any { return &t.config.RetryInterval },
	},
}

var logWords = []Word{
	{
		Name: "log_dest", Kind: List, Default: "stderr", Choices: []string{"stdout", "stderr", "syslog", "topic", "file", "journald", "dlt", "android", "none"},
		Value: "stdout|stderr|syslog|topic|file PATH|journald|none", Status: Inert, Only: []string{"dlt", "android"}, Why: "it is for systems that this program does not run on",
		Sample: "file /var/log/mosquitto/mosquitto.log",
		Doc: "Where the log goes: stdout, stderr, syslog, topic (below $SYS/broker/log), file PATH, journald or none, which wins over the others. " +
			"May be repeated, with one file. journald, which Mosquitto does not know, is systemd's journal with a field for each attribute; " +
			"stderr is as good where it leads there. dlt and android are for systems that this program does not run on.",
		place: func(t target) any { return &t.config.Log.Dests },
	},
	{
		Name: "log_type", Kind: List, Default: "error, warning, notice, information", Value: "TYPE",
		Choices: []string{"error", "warning", "notice", "information", "debug", "subscribe", "unsubscribe", "websockets", "internal", "none", "all"},
		Doc:     "A kind of log line to write: error, warning, notice, information, debug, subscribe, unsubscribe, websockets, internal, none or all. May be repeated; the first line takes the place of the default.",
		place:   func(t target) any { return &t.config.Log.Types },
	},
	{
		Name: "log_facility", Kind: Integer, Max: 7,
		Doc:   "The facility of syslog: 0 to 7 for local0 to local7; daemon unless given.",
		place: func(t target) any { return &t.config.Log.Facility },
	},
	{
		Name: "log_timestamp", Kind: Bool, Default: "true",
		Doc:   "Begin each line of the log with the time.",
		place: func(t target) any { return &t.config.Log.Timestamp },
	},
	{
		Name: "log_timestamp_format", Kind: String, Value: "FORMAT",
		Sample: "%Y-%m-%dT%H:%M:%S",
		Doc:    "How the time is written, in the language of strftime: %Y-%m-%dT%H:%M:%S. Unless given, it is the number of seconds since 1970.",
		place:  func(t target) any { return &t.config.Log.TimestampFormat },
	},
	{
		Name: "connection_messages", Kind: Bool, Default: "true",
		Doc:   "Log when a client connects and disconnects.",
		place: func(t target) any { return &t.config.Log.ConnectionMessages },
	},
	{
		Name: "log_format", Kind: Choice, Choices: []string{"text", "json"}, Default: "text", Ours: true,
		Doc: "How a line of stdout, stderr and a file looks: text as Mosquitto writes it, or json with an object that has the sentence " +
			"and each of its parts.",
		place: func(t target) any { return &t.config.Log.Format },
	},
	{
		Name: "log_rotate_size", Kind: Integer, Max: unbounded, Default: "0", Value: "BYTES", Sample: "10000000", Ours: true,
		Doc: "Put the log file aside when it would grow beyond this, as FILE.1, with older ones as FILE.2 and so on. " +
			"0: whatever its size; whoever else puts it aside sends a signal afterwards, and it is opened anew.",
		place: func(t target) any { return &t.config.Log.RotateBytes },
	},
	{
		Name: "log_rotate_age", Kind: Duration, Ours: true, Sample: "1w",
		Doc:   "Put the log file aside when it is this old.",
		place: func(t target) any { return &t.config.Log.RotateAge },
	},
	{
		Name: "log_rotate_keep", Kind: Integer, Min: 1, Max: 1000, Default: "5", Value: "FILES", Ours: true,
		Doc:   "How many log files are kept that were put aside.",
		place: func(t target) any { return &t.config.Log.RotateKeep },
	},
	{
		Name: "websockets_log_level", Kind: Integer, Lenient: true, Max: unbounded, Default: "0",
		Status: Inert, Why: "it is for libwebsockets, which this program does not use",
		Doc:   "In Mosquitto, what libwebsockets logs.",
		place: func(t target) any { return &t.config.WebSocketsLogLevel },
	},
}
