package config

import (
	"fmt"
	"slices"
)

// pointlessIf tells of words that were given for owner and change nothing, for a
// reason that completes "'word' has no effect: ".
func (l *linter) pointlessIf(useless bool, owner any, why, remedy string, words ...string) {
	if !useless {
		return
	}
	for _, word := range words {
		if l.said(word, owner) {
			l.add(Pointless, l.owned(word, owner), word, fmt.Sprintf("'%s' has no effect: %s", word, why), remedy)
		}
	}
}

// pointlessTLS tells of words about TLS on a listener that does without.
func (l *linter) pointlessTLS(o *Listener) {
	t := &o.TLS
	if !t.On() && o.EnableProxyProtocol == 0 {
		const why, remedy = "the listener does not speak TLS", "Give it a certificate with 'certfile' and 'keyfile', or remove the line."
		l.pointlessIf(true, o, why, remedy, "capath", "crlfile", "tls_version", "ciphers", "ciphers_tls1.3", "disable_client_cert_date_checks")
		l.pointlessIf(t.UseIdentityAsUsername, o, why, remedy, "use_identity_as_username")
		l.pointlessIf(t.UseSubjectAsUsername, o, why, remedy, "use_subject_as_username")
		if t.RequireCertificate {
			l.insecure("require_certificate", o, "clients are not asked for a certificate: "+why, "Give it a certificate with 'certfile' and 'keyfile'.")
		}
	}
	verifies := t.RequireCertificate || t.UseIdentityAsUsername || t.UseSubjectAsUsername
	l.pointlessIf(t.CertFile != "" && !verifies, o, "clients are not asked for a certificate",
		"Write 'require_certificate true' if they should be; the listener's own chain belongs into 'certfile'.", "cafile", "capath", "crlfile")
	if t.CertFile != "" && t.RequireCertificate && t.CAFile == "" && t.CAPath == "" {
		l.add(Pointless, l.owned("require_certificate", o), "require_certificate", "no client has a valid certificate, because no authority is named",
			"Name it with 'cafile' or 'capath'.")
	}
	if t.PSKHint != "" && l.config.SecurityOn(o).PSKFile == "" {
		l.add(Pointless, l.owned("psk_hint", o), "psk_hint", "no client has a pre-shared key, because no file has them", "Name it with 'psk_file'.")
	}
}

// pointlessOn tells of words that a listener of another kind would need.
func (l *linter) pointlessOn(o *Listener) {
	l.pointlessIf(o.Protocol != "websockets", o, "it is for listeners with 'protocol websockets'", "Remove the line, or add that one.", "websockets_origin", "websockets_proxy")
	l.pointlessIf(o.Protocol != "http_api", o, "it is for listeners with 'protocol http_api'", "Remove the line, or add that one.", "http_dir")
	l.pointlessIf(o.Protocol == "http_api", o, "nobody speaks MQTT on this listener", "Remove the line.",
		"accept_protocol_versions", "max_qos", "max_topic_alias", "max_topic_alias_broker", "mount_point", "use_username_as_clientid", "listener_auto_id_prefix")
	l.pointlessIf(o.SocketPath != "", o, "a unix socket has no address", "Remove the line.", "bind_interface", "socket_domain")
	l.pointlessIf(o.SocketPath == "", o, "it is for unix sockets", "Remove the line, or write it below a 'listener 0 PATH'.", "socket_mode", "socket_owner")
	l.pointlessIf(o.EnableProxyProtocol != 2, o, "only 'enable_proxy_protocol 2' tells of TLS", "Remove the line, or add that one.", "proxy_protocol_v2_require_tls")
	l.pointlessIf(o.Versions&^(1<<3|1<<4) == 0 && o.Versions != 0, o, "topic aliases are of MQTT 5.0, which the listener does not serve", "Remove the line.",
		"max_topic_alias", "max_topic_alias_broker")
	c := l.config
	if limit := c.GlobalMaxConnections; limit > 0 && o.MaxConnections > limit {
		l.add(Pointless, l.owned("max_connections", o), "max_connections", fmt.Sprintf("'max_connections' is never reached: 'global_max_connections' is %d", limit), "Lower it, or remove the line.")
	}
}

// pointlessBridge tells of words of a bridge that its other words make useless.
func (l *linter) pointlessBridge(b *Bridge) {
	l.pointlessIf(b.StartType != "lazy", b, "it is for bridges with 'start_type lazy'", "Remove the line, or add that one.", "idle_timeout", "threshold")
	l.pointlessIf(!b.Notifications, b, "'notifications' is false", "Remove the line.", "notifications_local_only", "notification_topic")
	l.pointlessIf(len(b.Addresses) < 2, b, "there is one address", "Remove the line, or add an address.", "round_robin")
	l.pointlessIf(b.ProtocolVersion != "mqttv50", b, "it is for bridges with 'bridge_protocol_version mqttv50'", "Remove the line, or add that one.",
		"bridge_session_expiry_interval", "bridge_max_topic_alias", "bridge_receive_maximum", "bridge_max_packet_size")
	l.pointlessIf(!b.TLS.On(), b, "the bridge does not use TLS", "Name the authority with 'bridge_cafile', or write 'bridge_tls_use_os_certs true'.",
		"bridge_alpn", "bridge_insecure", "bridge_ciphers", "bridge_ciphers_tls1.3", "bridge_require_ocsp", "bridge_tls_version")
	l.pointlessIf(b.RemoteUsername == "", b, "there is no 'remote_username'", "Add it.", "remote_password")
}

// pointless tells of the words that belong to nothing smaller.
func (l *linter) pointless() {
	c := l.config
	l.unreachable()
	if !c.CheckSessionOwner {
		l.insecure("check_session_owner", nil, "whoever knows a client identifier gets the messages of its session", "Remove the line, or give each user client identifiers of its own.")
	}
	l.pointlessIf(c.PerListenerSettings, nil, "with 'per_listener_settings true' it belongs to a listener", "Write it below the listener it is for.", securityNames()...)
	l.pointlessIf(!c.Log.Dests.Syslog, nil, "there is no 'log_dest syslog'", "Remove the line, or add that one.", "log_facility")
	l.pointlessIf(!c.Log.Timestamp, nil, "'log_timestamp' is false", "Remove the line.", "log_timestamp_format")
	l.pointlessIf(!c.Persistence && !l.hasPlugins(), nil, "'persistence' is false", "Write 'persistence true', or remove the line.", "persistence_file", "persistence_location", "persistence_sync")
	l.pointlessIf(c.ACLMode == "warn" && !slices.ContainsFunc(c.Listeners, func(o *Listener) bool { return c.ACLFileOn(o) != nil }), nil,
		"there is no 'acl_file'", "Remove the line, or name the file.", "acl_mode")
	d := c.Log.Dests
	others := d.Stdout || d.Stderr || d.Syslog || d.Topic || d.File != "" || d.Journal || d.DLT || d.Android
	if d.None && others {
		l.add(Pointless, l.owned("log_dest", nil), "log_dest", "nothing is logged anywhere: 'log_dest none' wins over the others", "Remove either.")
	}
	if l.said("psk_file", nil) && !slices.ContainsFunc(c.Listeners, func(o *Listener) bool { return o.TLS.PSKHint != "" }) {
		l.pointlessIf(true, nil, "no listener has a 'psk_hint'", "Add it to the listener that the keys are for.", "psk_file")
	}
	for _, plugin := range c.LoadedPlugins {
		if !slices.ContainsFunc(c.Listeners, func(o *Listener) bool { return slices.Contains(o.UsePlugins, plugin.Name) }) {
			l.add(Pointless, place{plugin.File, plugin.Line}, "plugin_load", fmt.Sprintf("no listener uses the plugin '%s'", clean(plugin.Name)),
				fmt.Sprintf("Write 'plugin_use %s' below a listener.", clean(plugin.Name)))
		}
	}
}

// unreachable tells of limits that another limit hides.
func (l *linter) unreachable() {
	c := l.config
	hidden := func(word string, limit int, by string, other int) {
		if limit > 0 && other > 0 && limit > other && l.said(word, nil) {
			l.add(Pointless, l.owned(word, nil), word, fmt.Sprintf("'%s' is never reached: '%s' is %d", word, by, other), "Lower it, or raise the other.")
		}
	}
	hidden("global_max_connections", c.GlobalMaxConnections, "global_max_clients", c.GlobalMaxClients)
	hidden("message_size_limit", c.MessageSizeLimit, "max_packet_size", c.MaxPacketSize)
	if c.MaxQueuedBytes > 0 && c.MaxPacketSize > c.MaxQueuedBytes && (l.said("max_queued_bytes", nil) || l.said("max_packet_size", nil)) {
		word := "max_queued_bytes"
		if !l.said(word, nil) {
			word = "max_packet_size"
		}
		l.add(Pointless, l.owned(word, nil), word, fmt.Sprintf("a message of 'max_packet_size' (%d) can never wait for a client: 'max_queued_bytes' is %d", c.MaxPacketSize, c.MaxQueuedBytes),
			"Raise 'max_queued_bytes'.")
	}
}

func (l *linter) hasPlugins() bool {
	c := l.config
	return len(c.Plugins)+len(c.GlobalPlugins)+len(c.LoadedPlugins) > 0 ||
		slices.ContainsFunc(c.Listeners, func(o *Listener) bool { return len(o.Security.Plugins) > 0 })
}

// securityNames are the words that per_listener_settings is about.
func securityNames() (names []string) {
	for i := range words {
		if words[i].Scope == PerSecurity {
			names = append(names, words[i].Name)
		}
	}
	return names
}
