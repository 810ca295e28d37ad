package logs

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/zancudomq/zancudo/packet"
)

// The messages that have a sentence of their own in the log.
const (
	// The broker's.
	msgAccepted     = "connection accepted"
	msgConnected    = "client connected"
	msgDisconnected = "client disconnected"
	msgRefused      = "connection refused"
	msgSubscribed   = "client subscribed"
	msgUnsubscribed = "client unsubscribed"
	msgDenied       = "message refused"
	msgLosing       = "messages dropped"

	msgPaused  = "accepting paused"
	msgResumed = "accepting resumed"

	// The daemon's.

	msgStarting      = "broker starting"
	msgLoaded        = "configuration loaded"
	msgConfiguration = "configuration warning"
	msgKept          = "state kept"
	msgNotKept       = "state not kept"
	msgNoDatabase    = "plugin for SQLite replaced"
	msgFull          = "store stopped taking facts"
	msgRecovered     = "store recovered"
	msgDamaged       = "store was damaged and put aside"
	msgInherited     = "state of Mosquitto taken over"
	msgNotInherited  = "state of Mosquitto left out"
	msgReloading     = "configuration reloading"
	msgChanged       = "configuration changed"
	msgReloaded      = "configuration reloaded"
	msgNotReloaded   = "configuration not reloaded"
	msgOpening       = "listener opened"
	msgLocalOnly     = "open to this machine only"
	msgAnonymous     = "open to everybody"
	msgCapacity      = "open files limited"
	msgRunning       = "broker running"
	msgNotStarted    = "broker not started"
	msgSignal        = "signal passed over"
	msgTerminating   = "broker terminating"
	msgRejected      = "connection rejected"
	msgDropped       = "privileges dropped"
	msgRoot          = "running as root"
	msgSlowed        = "logins slowed down"
	msgDynamic       = "dynamic security command"
	msgDynamicBegun  = "dynamic security begun"
	msgNoFile        = "log file not opened"
	msgNegotiated    = "connection negotiated"
	msgRenewed       = "secrets renewed"
	msgNotRenewed    = "secrets not renewed"
	msgEnding        = "certificate ends"
	msgKeyLog        = "keys of connections are logged"

	// The log's own.
	msgReceived = "packet received"
	msgSent     = "packet sent"
	msgDetail   = "packet detail"
	msgRepeated = "message repeated"
	msgLeftOut  = "lines left out"
	msgLost     = "lines lost"
	msgFailed   = "log destination failed"
)

// appendSentence appends what a line says. Where Mosquitto has the line, these
// are its words.
func appendSentence(b []byte, message string, a attrs) []byte {
	switch message {
	case msgAccepted:
		b = appendRemote(append(b, "New connection from "...), a)
		return append(appendPlace(append(b, " on "...), a), '.')
	case msgConnected:
		return appendConnected(b, a)
	case msgDisconnected, msgRefused:
		return appendDisconnected(b, a)
	case msgSubscribed:
		return appendWords(b, a, "client", "qos", "filter")
	case msgUnsubscribed:
		return appendWords(b, a, "client", "filter")
	case msgDenied:
		b = appendText(append(b, "Denied PUBLISH from "...), a.text("client"))
		b = appendText(append(appendPublish(append(b, ' '), a), ": "...), a.text("err"))
		return append(b, '.')
	case msgLosing:
		return append(appendText(append(b, "Outgoing messages are being dropped for client "...), a.text("client")), '.')
	case msgNotStarted:
		return appendText(b, strings.ReplaceAll(a.text("err"), "\n", " "))
	case msgForbidden, msgWouldForbid:
		return appendForbidden(b, message, a)
	case msgForbiddenMany:
		return append(b, "Other clients did "+a.text("denials")+" things that they may not."...)
	case msgReceived, msgSent:
		return appendPacket(b, message, a)
	case msgDetail:
		text, indented := strings.CutPrefix(a.text("text"), "\t")
		if indented {
			b = append(b, '\t')
		}
		return appendText(b, text)
	default:
		return appendDaemon(b, message, a)
	}
}

// appendDaemon appends what a line of the daemon says of itself.
func appendDaemon(b []byte, message string, a attrs) []byte {
	switch message {
	case msgStarting:
		return append(append(b, a.text("version")...), " starting"...)
	case msgRunning:
		return append(append(b, a.text("version")...), " running"...)
	case msgTerminating:
		return append(append(b, a.text("version")...), " terminating"...)
	case msgNoFile:
		b = appendText(append(b, "Unable to open log file "...), a.text("file"))
		return append(appendText(append(b, " for writing: "...), a.text("err")), '.')
	case msgLoaded:
		if a.text("file") == "" {
			return append(b, "Using default config."...)
		}
		return append(appendText(append(b, "Config loaded from "...), a.text("file")), '.')
	case msgConfiguration:
		return appendText(b, a.text("text"))
	case msgKept, msgNotKept, msgNoDatabase, msgInherited, msgNotInherited, msgFull, msgRecovered, msgDamaged:
		return appendStore(b, message, a)
	case msgReloading:
		return append(b, "Reloading config."...)
	case msgChanged:
		return appendText(append(b, "Config changed: "...), a.text("text"))
	case msgReloaded:
		return append(append(append(b, "Config reloaded, "...), a.text("changes")...), " changes."...)
	case msgNotReloaded:
		b = append(b, "Config not reloaded, and nothing has changed: "...)
		return appendText(b, strings.ReplaceAll(a.text("err"), "\n", " "))
	case msgOpening:
		return append(appendPlace(append(append(append(b, "Opening "...), socketKind(a)...), " listen socket on "...), a), '.')
	case msgLocalOnly:
		port := a.text("port")
		return append(b, "Listening on port "+port+" of this machine only, open to every program on it; to open it to the network, write the lines "+
			"'listener "+port+"' and 'allow_anonymous true' into a file and start with '-c FILE'."...)
	case msgAnonymous:
		if host, _, err := net.SplitHostPort(a.text("listener")); err == nil && net.ParseIP(host).IsLoopback() {
			return append(appendPlace(append(b, "Every program of this machine may use "...), a),
				" (allow_anonymous true), which is not open to the network; 'zancudo init' sets up users, TLS and a listener that is."...)
		}
		return append(appendPlace(append(b, "Everybody who can reach it may use "...), a), " (allow_anonymous true)."...)
	case msgPaused:
		b = appendText(append(appendPlace(append(b, "No connection is accepted on "...), a), ": "...), a.text("err"))
		return append(b, ". Those that come wait until others end."...)
	case msgResumed:
		return append(appendPlace(append(b, "Connections are accepted again on "...), a), '.')
	case msgRejected:
		return appendRejected(b, a)
	case msgSlowed:
		b = appendRemote(append(b, "Logins slowed down: "+a.text("failures")+" failed logins from "...), a)
		b = append(appendText(append(b, " as user '"...), a.text("user")), '\'')
		return append(b, ", the next one waits for "+a.text("delay")+"."...)
	case msgDynamic:
		return appendDynamic(b, a)
	case msgDynamicBegun:
		b = appendText(append(b, "Dynamic security begins with the file "...), a.text("file"))
		b = appendText(append(b, " and the client '"...), a.text("user"))
		return appendText(append(b, "'. "...), a.text("text"))
	case msgDropped:
		return append(appendText(append(b, "Running as "...), a.text("identity")), '.')
	case msgRoot:
		return append(b, "The broker should not be run as root: with 'user root' whoever gets into it owns the machine."...)
	case msgNegotiated, msgRenewed, msgNotRenewed, msgEnding, msgKeyLog:
		return appendTLS(b, message, a)
	case msgCapacity:
		return append(b, "Up to "+a.text("files")+" files and connections may be open at a time."...)
	case msgSignal:
		return append(b, "Signal '"+a.text("signal")+"' asks for what is not supported yet; nothing changes."...)
	default:
		return appendAny(b, message, a)
	}
}

// appendTLS appends what a line about TLS says.
func appendTLS(b []byte, message string, a attrs) []byte {
	switch message {
	case msgNegotiated:
		b = append(append(appendRemote(append(b, "Connection from "...), a), " negotiated "...), a.text("version")...)
		return append(append(append(b, " cipher "...), a.text("cipher")...), '.')
	case msgRenewed:
		return append(appendText(append(append(append(b, "New "...), a.text("kind")...), " are in use on "...), a.text("listener")), '.')
	case msgNotRenewed:
		b = appendText(append(appendText(append(b, "The files of TLS on "...), a.text("listener")), " have changed and cannot be used; the old ones stay in use: "...), a.text("err"))
		return b
	case msgEnding:
		return appendText(append(appendText(append(b, "The "...), a.text("word")), ' '), a.text("text"))
	default:
		b = appendText(append(b, "What decrypts every connection with TLS is written to "...), a.text("file"))
		return append(b, ": whoever has that file can read them all."...)
	}
}

// appendDynamic appends a command of dynamic security, and who gave it.
func appendDynamic(b []byte, a attrs) []byte {
	b = appendText(append(b, "dynsec: "...), a.text("client"))
	b = appendText(append(b, '/'), a.text("user"))
	b = appendText(append(b, " | "...), a.text("command"))
	for _, field := range []string{"username", "groupname", "rolename", "acltype", "topic", "allow", "priority", "clientid", "password", "err"} {
		if _, given := a.find(field); given {
			b = appendText(append(b, " | "+field+"="...), a.text(field))
		}
	}
	return b
}

// appendStore appends what has become of the store.
func appendStore(b []byte, message string, a attrs) []byte {
	switch message {
	case msgKept:
		return append(appendText(append(b, "Sessions and messages are kept in "...), a.text("path")), '.')
	case msgNotKept:
		return append(b, "Sessions and messages are in memory only, and gone when the broker ends; 'persistence true' keeps them on disk."...)
	case msgNoDatabase:
		return append(b, "The plugin mosquitto_persist_sqlite.so is not loaded: the broker's own store does its work, durable before it is acknowledged, and its options have no effect."...)
	case msgInherited:
		b = appendText(append(b, "Took over what Mosquitto has left in "...), a.text("file"))
		return appendText(append(b, ": "...), a.text("text"))
	case msgNotInherited:
		return append(appendText(append(b, "Not taken over: "...), a.text("text")), '.')
	case msgFull:
		verb := map[string]string{"full": "is full", "failed": "has failed"}[a.text("state")]
		b = appendText(append(b, "The store "+verb+": "...), a.text("reason"))
		return append(b, ". What has to be stored is refused until it works again; all else goes on."...)
	case msgRecovered:
		return append(appendText(append(b, "The store in "...), a.text("path")), " works again."...)
	default:
		b = appendText(append(b, "The store was damaged ("...), a.text("reason"))
		b = appendText(append(b, "). What could be read is in use, "+a.text("facts")+" facts; the damaged files are in "...), a.text("path"))
		return append(b, " with a report that says what is lost."...)
	}
}

func appendConnected(b []byte, a attrs) []byte {
	b = appendRemote(append(b, "New client connected from "...), a)
	b = appendText(append(b, " as "...), a.text("client"))
	b = append(append(b, " (p"...), protocolLevel(a.text("version")))
	b = append(b, ", c"...)
	if a.text("clean") == "true" {
		b = append(b, '1')
	} else {
		b = append(b, '0')
	}
	b = append(append(b, ", k"...), a.text("keepalive")...)
	if user := a.text("user"); user != "" {
		b = appendText(append(b, ", u'"...), user)
		b = append(b, '\'')
	}
	return append(b, ")."...)
}

func protocolLevel(version string) byte {
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		if v.String() == version {
			return '0' + byte(v)
		}
	}
	return '?'
}

// appendDisconnected appends that somebody is gone, and why. Who has no client
// identifier yet is called by the address, as in Mosquitto.
func appendDisconnected(b []byte, a attrs) []byte {
	b = append(b, "Client "...)
	if client := a.text("client"); client != "" {
		b = appendText(b, client)
	} else if host, _, err := net.SplitHostPort(a.text("remote")); err == nil {
		b = append(b, host...)
	} else {
		b = append(b, "<unknown>"...)
	}
	b = appendRemote(append(b, " ["...), a)
	return appendEnding(append(b, "] disconnected"...), a)
}

// appendEnding appends the end of the sentence on a client that is gone.
func appendEnding(b []byte, a attrs) []byte {
	v, ok := a.find("err")
	if !ok {
		return append(b, '.')
	}
	err := a.err()
	if err == nil {
		return append(appendText(append(b, ": "...), v.String()), '.')
	}
	reason, detail := ending(err)
	b = append(append(b, ": "...), reason...)
	if detail != "" {
		b = appendText(append(b, ": "...), detail)
	}
	return append(b, '.')
}

// ending is why a client is gone, in Mosquitto's words, and what they leave out.
func ending(err error) (reason, detail string) {
	switch {
	case errors.Is(err, packet.NotAuthorized), errors.Is(err, packet.BadUserNameOrPassword):
		return "not authorised", "" // programs that ban addresses read it to its end
	case errors.Is(err, packet.KeepAliveTimeout):
		return "exceeded timeout", ""
	case errors.Is(err, packet.SessionTakenOver):
		return "session taken over", ""
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "connection closed by client", ""
	}
	for _, one := range endings {
		if errors.Is(err, one.code) {
			return one.words, strings.TrimSuffix(strings.TrimSuffix(err.Error(), one.code.Error()), ": ")
		}
	}
	return string(appendText(nil, err.Error())), ""
}

const notAllowed = "using not allowed feature (QoS too high, retain not supported, or bad AUTH method)"

// endings are Mosquitto's words for what a client did wrong.
var endings = [...]struct {
	code  packet.ReasonCode
	words string
}{
	{packet.MalformedPacket, "malformed packet"},
	{packet.ProtocolError, "protocol error"},
	{packet.PacketTooLarge, "oversize packet"},
	{packet.QoSNotSupported, notAllowed},
	{packet.RetainNotSupported, notAllowed},
	{packet.BadAuthenticationMethod, notAllowed},
	{packet.AdministrativeAction, "administrative action"},
}

// appendRemote appends the remote address as Mosquitto writes it, ::1:1234 and
// not [::1]:1234.
func appendRemote(b []byte, a attrs) []byte {
	remote := a.text("remote")
	host, port, err := net.SplitHostPort(remote)
	switch {
	case remote == "" || remote == "@": // the other end of a unix socket has no name
		return append(b, "unix socket"...)
	case err != nil:
		return appendText(b, remote)
	}
	return append(append(append(b, host...), ':'), port...)
}

// appendPlace appends where a listener is.
func appendPlace(b []byte, a attrs) []byte {
	listener := a.text("listener")
	if _, port, err := net.SplitHostPort(listener); err == nil {
		return append(append(b, "port "...), port...)
	}
	return appendText(append(b, "path "...), listener)
}

// socketKind is what Mosquitto calls the kind of a listener.
func socketKind(a attrs) string {
	if a.text("protocol") == "websockets" {
		return "websockets"
	}
	return family(a.text("listener"))
}

// family is what Mosquitto calls the kind of an address.
func family(address string) string {
	host, _, err := net.SplitHostPort(address)
	switch ip := net.ParseIP(host); {
	case err != nil:
		return "unix"
	case ip != nil && ip.To4() != nil:
		return "ipv4"
	case ip != nil && ip.IsUnspecified():
		return "ipv4 and ipv6" // one socket serves both
	default:
		return "ipv6"
	}
}

// appendRejected appends that a connection was not served. A header is corrupt
// in Mosquitto's words; what they leave out comes after them.
func appendRejected(b []byte, a attrs) []byte {
	reason := a.text("err")
	if detail, ok := strings.CutPrefix(reason, "corrupt PROXY header: "); ok {
		b = append(b, "Connection rejected, corrupt PROXY header. From "...)
		return append(appendText(append(appendRemote(b, a), ": "...), detail), '.')
	}
	b = append(appendRemote(append(b, "Connection from "...), a), " rejected, "...)
	return append(appendText(b, reason), '.')
}

// appendWords appends values with a blank between them.
func appendWords(b []byte, a attrs, keys ...string) []byte {
	for i, key := range keys {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendText(b, a.text(key))
	}
	return b
}

// appendAny appends a message that has no sentence of its own.
func appendAny(b []byte, message string, a attrs) []byte {
	b = appendText(b, message)
	for i, one := range a {
		if i == 0 {
			b = append(b, ": "...)
		} else {
			b = append(b, ", "...)
		}
		if one.Key != "text" && one.Key != "err" { // they say by themselves what they are
			b = append(appendText(b, one.Key), ' ')
		}
		value := one.Value.Resolve().String()
		if value == "" {
			value = strconv.Quote(value)
		}
		b = appendText(b, value)
	}
	return append(b, '.')
}
