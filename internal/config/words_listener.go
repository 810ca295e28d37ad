package config

var listenerWords = []Word{
	{
		Name: "listener", Scope: Opening, Kind: Form, Value: "PORT [ADDRESS]",
		Sample: "1883",
		Doc: "Listen on a port, at all addresses or at the one that follows; the words of a listener come below it. With port 0, what follows is the " +
			"path of a unix socket. May be repeated. Any listener, port or bind_address opens the broker to the network, and then allow_anonymous is false unless given.",
	},
	{
		Name: "port", Scope: Opening, Kind: Integer, Min: 1, Max: 65535, Value: "PORT", Default: "1883", Deprecated: "use 'listener'",
		Doc: "The port of the default listener.",
	},
	{
		Name: "bind_address", Scope: Opening, Kind: String, Value: "ADDRESS", Deprecated: "use 'listener PORT ADDRESS'",
		Sample: "192.168.1.2",
		Doc:    "The address of the default listener.",
	},
	{
		Name: "bind_interface", Scope: DefaultListener, Kind: String, Value: "DEVICE",
		Sample: "eth0",
		Doc:    "Listen at the addresses of one network device only, such as eth0.",
		place:  func(t target) any { return &t.listener.BindInterface },
	},
	{
		Name: "socket_domain", Scope: DefaultListener, Kind: Choice, Choices: []string{"ipv4", "ipv6"},
		Doc:   "Listen at addresses of IPv4 or IPv6 only.",
		place: func(t target) any { return &t.listener.SocketDomain },
	},
	{
		Name: "socket_mode", Scope: PerListener, Kind: String, Value: "MODE", Ours: true,
		Sample: "0660",
		Doc: "Who may connect to a unix socket, as the mode of its file in octal digits: to connect is to write. Unless given, it is what the umask leaves, and " +
			"so usually that of the user the broker runs as.",
		place: func(t target) any { return &t.listener.SocketMode },
	},
	{
		Name: "socket_owner", Scope: PerListener, Kind: String, Value: "USER[:GROUP]", Ours: true,
		Sample: "mosquitto:dialout",
		Doc: "The user and group of the file of a unix socket; :GROUP is the group alone. A broker that does not run as root can give it only to a group that " +
			"it is in.",
		place: func(t target) any { return &t.listener.SocketOwner },
	},
	{
		Name: "socket_name", Scope: PerListener, Kind: String, Value: "NAME", Ours: true,
		Sample: "mqtt",
		Doc: "Serve the sockets that systemd has opened under this name, which FileDescriptorName= of a socket unit gives, wherever they listen. Unless given, " +
			"a socket of systemd is served by the listener that asks for the same port and address. Without such a socket, the broker opens its own.",
		place: func(t target) any { return &t.listener.SocketName },
	},
	{
		Name: "protocol", Scope: DefaultListener, Kind: Choice, Choices: []string{"mqtt", "websockets", "http_api"}, Default: "mqtt",
		Doc:   "What is spoken on the listener: mqtt, mqtt in websockets, or http_api, which tells of the broker.",
		place: func(t target) any { return &t.listener.Protocol },
	},
	{
		Name: "accept_protocol_versions", Scope: PerListener, Kind: List, Value: "VERSIONS", Last: true,
		Sample: "4,5",
		Doc:    "The versions of MQTT that are served: a list of 3 for 3.1, 4 for 3.1.1 and 5 for 5.0, such as 4,5; all unless given.",
		place:  func(t target) any { return &t.listener.Versions },
	},
	{
		Name: "max_connections", Scope: DefaultListener, Kind: Integer, Min: -1, Max: unbounded, Default: "-1",
		Doc:   "How many clients may be connected to the listener; 0 and -1: no limit.",
		place: func(t target) any { return &t.listener.MaxConnections },
	},
	{
		Name: "max_qos", Aliases: []string{"maximum_qos"}, Scope: DefaultListener, Kind: Integer, Max: 2, Default: "2",
		Doc:   "The highest QoS that clients may publish with.",
		place: func(t target) any { return &t.listener.MaxQoS },
	},
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
		Name: "mount_point", check: noWildcards, Scope: PerListener, Kind: String, Value: "PREFIX", Last: true,
		Sample: "tenant1/",
		Doc:    "Put this before all topics of the clients of the listener, who do not see it: they are by themselves. It has no wildcards.",
		place:  func(t target) any { return &t.listener.MountPoint },
	},
	{
		Name: "listener_allow_anonymous", Scope: PerListener, Kind: Bool,
		Doc:   "What allow_anonymous says, for this listener.",
		place: func(t target) any { return &t.listener.AllowAnonymous },
	},
	{
		Name: "listener_auto_id_prefix", Scope: PerListener, Kind: String, Max: 50,
		Doc:   "What auto_id_prefix says, for this listener.",
		place: func(t target) any { return &t.listener.AutoIDPrefix },
	},
	{
		Name: "use_username_as_clientid", Scope: DefaultListener, Kind: Bool, Default: "false",
		Doc:   "Take the user name for the client identifier; clients without a user name are refused.",
		place: func(t target) any { return &t.listener.UseUsernameAsClientID },
	},
	{
		Name: "enable_proxy_protocol", Scope: PerListener, Kind: Integer, Min: 1, Max: 2, Value: "VERSION",
		bounds: "enable_proxy_protocol must be 1 or 2.",
		Sample: "2",
		Doc: "Expect each connection to begin with a PROXY header of version 1 or 2, in which a proxy such as haproxy tells where the client is; others are " +
			"refused. With 2 the proxy ends TLS, and words about certificates of the listener cannot be used.",
		place: func(t target) any { return &t.listener.EnableProxyProtocol },
	},
	{
		Name: "proxy_protocol_v2_require_tls", Scope: PerListener, Kind: Bool, Default: "false",
		Doc:   "Refuse connections of which the PROXY header does not say that the client used TLS.",
		place: func(t target) any { return &t.listener.ProxyProtocolV2RequireTLS },
	},
	{
		Name: "http_dir", Scope: PerListener, Kind: String, Value: "DIRECTORY",
		Sample: "/usr/share/mosquitto/dashboard",
		Doc:    "A directory of files that a listener with 'protocol http_api' serves.",
		place:  func(t target) any { return &t.listener.HTTPDir },
	},
	{
		Name: "websockets_origin", Scope: PerListener, Kind: List, Value: "ORIGIN",
		Sample: "https://example.org",
		Doc:    "The origin of web pages that may connect, such as https://example.org; all unless given. May be repeated.",
		place:  func(t target) any { return &t.listener.WebSocketsOrigins },
	},
	{
		Name: "websockets_proxy", check: networks, Scope: PerListener, Kind: String, Value: "ADDRESS[/BITS]...", Ours: true,
		Sample: "10.0.0.5 172.16.0.0/12",
		Doc: "The addresses and networks of proxies whose X-Forwarded-For says where a client is, with blanks between them; a proxy on this machine is " +
			"believed without. Everybody else's header is passed over.",
		place: func(t target) any { return &t.listener.WebSocketsProxy },
	},
}

var tlsWords = []Word{
	{
		Name: "certfile", Scope: DefaultListener, Kind: String, Value: "PATH", Last: true,
		Sample: "/etc/mosquitto/certs/server.crt",
		Doc: "The certificate of the listener and those that lead to its authority, as PEM; it turns TLS on. This file, and all others of this section " +
			"that have to do with certificates, is looked at every few seconds: when it has changed, it holds for new connections, and those that are there stay.",
		place: func(t target) any { return &t.listener.TLS.CertFile },
	},
	{
		Name: "keyfile", Scope: DefaultListener, Kind: String, Value: "PATH", Last: true,
		Sample: "/etc/mosquitto/certs/server.key",
		Doc:    "The private key of certfile, as PEM, without a password.",
		place:  func(t target) any { return &t.listener.TLS.KeyFile },
	},
	{
		Name: "additional_certificate", Scope: PerListener, Kind: List, Value: "CERTFILE KEYFILE", Ours: true,
		Sample: "/etc/mosquitto/certs/other.crt /etc/mosquitto/certs/other.key",
		Doc: "Another certificate of the listener, and its key, for clients that connect to another name; a client gets the first that is for the name it " +
			"wants, or else certfile. With one file, that has both. May be repeated.",
		place: func(t target) any { return &t.listener.AdditionalCertificates },
	},
	{
		Name: "cafile", Scope: PerListener, Kind: String, Value: "PATH", Last: true,
		Sample: "/etc/mosquitto/certs/ca.crt",
		Doc:    "The certificates of the authorities that certificates of clients must come from, as PEM.",
		place:  func(t target) any { return &t.listener.TLS.CAFile },
	},
	{
		Name: "capath", Scope: DefaultListener, Kind: String, Value: "DIRECTORY", Last: true,
		Doc:   "The same as a directory, prepared with 'openssl rehash'.",
		place: func(t target) any { return &t.listener.TLS.CAPath },
	},
	{
		Name: "crlfile", Scope: DefaultListener, Kind: String, Value: "PATH", Last: true,
		Doc: "The lists of revoked certificates of clients, as PEM, one of each authority: without its list, or when that is out of date, the certificates of an " +
			"authority are not accepted. When the file changes, clients whose certificate it revokes are disconnected.",
		place: func(t target) any { return &t.listener.TLS.CRLFile },
	},
	{
		Name: "require_certificate", Scope: DefaultListener, Kind: Bool, Default: "false",
		Doc:   "Refuse clients without a valid certificate. When false, they are asked for one only if it gives them their name.",
		place: func(t target) any { return &t.listener.TLS.RequireCertificate },
	},
	{
		Name: "use_identity_as_username", Scope: DefaultListener, Kind: Bool, Default: "false",
		Doc: "Take the common name of a client's certificate, or its PSK identity, for the user name. Clients need no password then, and those without are refused. " +
			"The name is text without control characters and wildcards, of at most 1024 bytes.",
		place: func(t target) any { return &t.listener.TLS.UseIdentityAsUsername },
	},
	{
		Name: "use_subject_as_username", Scope: DefaultListener, Kind: Bool, Default: "false",
		Doc:   "Take the whole subject of a client's certificate for the user name, as in CN=pump,O=Works: as OpenSSL prints it for RFC 2253, the last part first.",
		place: func(t target) any { return &t.listener.TLS.UseSubjectAsUsername },
	},
	{
		Name: "disable_client_cert_date_checks", Scope: PerListener, Kind: Bool, Default: "false",
		Doc:   "Accept certificates of clients that have expired or are not valid yet, and revocation lists that are out of date, for devices without a clock.",
		place: func(t target) any { return &t.listener.TLS.DisableClientCertDateChecks },
	},
	{
		Name: "tls_version", Scope: PerListener, Kind: Choice, Choices: []string{"tlsv1.3", "tlsv1.2", "tlsv1.1"}, Default: "tlsv1.2",
		Doc:   "The least version of TLS that is served.",
		place: func(t target) any { return &t.listener.TLS.Version },
	},
	{
		Name: "ciphers", Scope: DefaultListener, Kind: String, Value: "LIST", Last: true,
		Sample: "ECDHE+AESGCM",
		Doc:    "The ciphers for TLS 1.2, in OpenSSL's language, such as ECDHE+AESGCM. Which of them is taken is decided as Go does, not by their order.",
		place:  func(t target) any { return &t.listener.TLS.Ciphers },
	},
	{
		Name: "ciphers_tls1.3", Scope: DefaultListener, Kind: String, Value: "LIST", Last: true,
		Sample: "TLS_AES_128_GCM_SHA256",
		Doc:    "The ciphers for TLS 1.3, with colons between them.",
		place:  func(t target) any { return &t.listener.TLS.CiphersTLS13 },
	},
	{
		Name: "dhparamfile", Scope: PerListener, Kind: String, Value: "PATH", Last: true,
		Status: Inert, Why: "nobody needs Diffie-Hellman parameters of their own any more",
		Doc:   "In old Mosquitto, Diffie-Hellman parameters.",
		place: func(t target) any { return &t.listener.TLS.DHParamFile },
	},
	{
		Name: "psk_hint", Scope: DefaultListener, Kind: String,
		Doc:   "A text that clients are sent; it turns TLS with pre-shared keys on, which psk_file has. It is TLS 1.2, and certificates have no place on the listener.",
		place: func(t target) any { return &t.listener.TLS.PSKHint },
	},
	{
		Name: "tls_engine", Scope: DefaultListener, Kind: String, Value: "ENGINE", Status: Refused, Why: noEngines,
		Doc:   "An engine of OpenSSL, such as pkcs11.",
		place: func(t target) any { return &t.listener.TLS.Engine },
	},
	{
		Name: "tls_keyform", Scope: DefaultListener, Kind: Choice, Choices: []string{"pem", "engine"}, Default: "pem", Status: Refused, Harmless: []string{"pem"}, Why: noEngines,
		Doc:   "Whether keyfile is a file or a key of the engine.",
		place: func(t target) any { return &t.listener.TLS.KeyForm },
	},
	{
		Name: "tls_engine_kpass_sha1", check: hexadecimal, Scope: DefaultListener, Kind: String, Value: "HEX", Secret: true, Status: Refused, Why: noEngines,
		Doc:   "The SHA-1 hash of the engine's password.",
		place: func(t target) any { return &t.listener.TLS.EngineKeyPassSHA1 },
	},
}

const noEngines = "engines belong to OpenSSL, which is not in this program; put the key into a file, and name it with 'keyfile'"
