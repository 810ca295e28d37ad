package config

// unbuilt are Mosquitto's words whose features are not built yet. When one is,
// its row moves to words.
var unbuilt = []Word{
	{Name: "include_dir", Unbuilt: Forbidden}, // its files may hold anything

	// The process.
	{Name: "enable_control_api", Unbuilt: Warned, Harmless: off},
	{Name: "memory_limit", Unbuilt: Warned, Harmless: none},
	{Name: "message_size_limit", Unbuilt: Warned, Harmless: none, Deprecated: "max_packet_size"},
	{Name: "packet_buffer_size", Unbuilt: Warned},
	{Name: "pid_file", Unbuilt: Warned},
	{Name: "retain_expiry_interval", Unbuilt: Warned},
	{Name: "retry_interval", Unbuilt: Ignored},
	{Name: "sys_interval", Unbuilt: Warned, Harmless: none},
	{Name: "user", Unbuilt: Warned, Harmless: []string{"root"}},

	// Persistence.
	{Name: "autosave_interval", Unbuilt: Warned},
	{Name: "autosave_on_changes", Unbuilt: Warned, Harmless: off},
	{Name: "persistence", Unbuilt: Warned, Harmless: off},
	{Name: "persistence_file", Unbuilt: Warned},
	{Name: "persistence_location", Unbuilt: Warned},
	{Name: "retained_persistence", Unbuilt: Warned, Harmless: off, Deprecated: "persistence"},

	// Logging.
	{Name: "log_facility", Unbuilt: Warned},
	{Name: "log_timestamp_format", Unbuilt: Warned},
	{Name: "websockets_log_level", Unbuilt: Warned},

	// Who may connect, and do what.
	{Name: "acl_file", Unbuilt: Forbidden},
	{Name: "auth_opt_*", Unbuilt: Forbidden, Scope: PerPlugin},
	{Name: "auth_plugin", Unbuilt: Forbidden},
	{Name: "auth_plugin_deny_special_chars", Unbuilt: Forbidden, Scope: PerPlugin},
	{Name: "clientid_prefixes", Unbuilt: Forbidden},
	{Name: "global_plugin", Unbuilt: Forbidden},
	{Name: "password_file", Unbuilt: Forbidden},
	{Name: "per_listener_settings", Unbuilt: Forbidden, Harmless: off},
	{Name: "plugin", Unbuilt: Forbidden},
	{Name: "plugin_load", Unbuilt: Forbidden},
	{Name: "plugin_opt_*", Unbuilt: Forbidden, Scope: PerPlugin},
	{Name: "plugin_use", Unbuilt: Forbidden},
	{Name: "psk_file", Unbuilt: Forbidden},
	{Name: "use_identity_as_username", Unbuilt: Forbidden, Harmless: off},
	{Name: "use_subject_as_username", Unbuilt: Forbidden, Harmless: off},
	{Name: "use_username_as_clientid", Unbuilt: Forbidden, Harmless: off},

	// Listeners.
	{Name: "bind_interface", Unbuilt: Forbidden},
	{Name: "enable_proxy_protocol", Unbuilt: Forbidden},
	{Name: "http_dir", Unbuilt: Warned},
	{Name: "mount_point", Unbuilt: Forbidden},
	{Name: "protocol", Unbuilt: Forbidden, Harmless: []string{"mqtt"}},
	{Name: "proxy_protocol_v2_require_tls", Unbuilt: Forbidden, Harmless: off},
	{Name: "socket_domain", Unbuilt: Forbidden},
	{Name: "websockets_headers_size", Unbuilt: Warned, Deprecated: "packet_buffer_size"},
	{Name: "websockets_origin", Unbuilt: Forbidden},

	// TLS.
	{Name: "cafile", Unbuilt: Forbidden},
	{Name: "capath", Unbuilt: Forbidden},
	{Name: "certfile", Unbuilt: Forbidden},
	{Name: "ciphers", Unbuilt: Forbidden},
	{Name: "ciphers_tls1.3", Unbuilt: Forbidden},
	{Name: "crlfile", Unbuilt: Forbidden},
	{Name: "dhparamfile", Unbuilt: Ignored},
	{Name: "disable_client_cert_date_checks", Unbuilt: Warned, Harmless: off},
	{Name: "keyfile", Unbuilt: Forbidden},
	{Name: "psk_hint", Unbuilt: Forbidden},
	{Name: "require_certificate", Unbuilt: Forbidden, Harmless: off},
	{Name: "tls_engine", Unbuilt: Forbidden},
	{Name: "tls_engine_kpass_sha1", Unbuilt: Forbidden},
	{Name: "tls_keyform", Unbuilt: Forbidden},
	{Name: "tls_version", Unbuilt: Forbidden},

	// Bridges: the warning on connection covers the words that follow it.
	{Name: "connection", Unbuilt: Warned},
	bridgeWord("address"),
	bridgeWord("addresses"),
	bridgeWord("bridge_alpn"),
	bridgeWord("bridge_attempt_unsubscribe"),
	bridgeWord("bridge_bind_address"),
	bridgeWord("bridge_cafile"),
	bridgeWord("bridge_capath"),
	bridgeWord("bridge_certfile"),
	bridgeWord("bridge_ciphers"),
	bridgeWord("bridge_ciphers_tls1.3"),
	bridgeWord("bridge_identity"),
	bridgeWord("bridge_insecure"),
	bridgeWord("bridge_keyfile"),
	bridgeWord("bridge_max_packet_size"),
	bridgeWord("bridge_max_topic_alias"),
	bridgeWord("bridge_outgoing_retain"),
	bridgeWord("bridge_protocol_version"),
	bridgeWord("bridge_psk"),
	bridgeWord("bridge_receive_maximum"),
	bridgeWord("bridge_reload_type"),
	bridgeWord("bridge_require_ocsp"),
	bridgeWord("bridge_session_expiry_interval"),
	bridgeWord("bridge_tcp_keepalive"),
	bridgeWord("bridge_tcp_user_timeout"),
	bridgeWord("bridge_tls_use_os_certs"),
	bridgeWord("bridge_tls_version"),
	bridgeWord("cleansession"),
	bridgeWord("clientid"),
	bridgeWord("idle_timeout"),
	bridgeWord("keepalive_interval"),
	bridgeWord("local_cleansession"),
	bridgeWord("local_clientid"),
	bridgeWord("local_password"),
	bridgeWord("local_username"),
	bridgeWord("notification_topic"),
	bridgeWord("notifications"),
	bridgeWord("notifications_local_only"),
	bridgeWord("password"),
	bridgeWord("remote_clientid"),
	bridgeWord("remote_password"),
	bridgeWord("remote_username"),
	bridgeWord("restart_timeout"),
	bridgeWord("round_robin"),
	bridgeWord("start_type"),
	bridgeWord("threshold"),
	bridgeWord("topic"),
	bridgeWord("try_private"),
	bridgeWord("username"),
}

var (
	off  = []string{"false", "0"}
	none = []string{"0"}
)

func bridgeWord(name string) Word { return Word{Name: name, Unbuilt: Ignored, Scope: PerBridge} }
