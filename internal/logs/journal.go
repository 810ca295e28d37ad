package logs

import (
	"encoding/binary"
	"net"
	"strconv"
	"strings"
)

// JournalSocket is where systemd's journal listens.
const JournalSocket = "/run/systemd/journal/socket"

func openJournal(path string) sink {
	if path == "" {
		path = JournalSocket
	}
	return &datagrams{connect: func() (net.Conn, error) {
		return net.Dial("unixgram", path) //nolint:noctx // a socket of this machine answers at once
	}}
}

// appendJournal appends a line in the journal's own protocol: a field for the
// sentence, and one for each attribute, so that journalctl CLIENT=x finds what
// was said of a client.
func appendJournal(b []byte, k key, r *record) []byte {
	b = appendField(b, "PRIORITY", strconv.Itoa(r.kind.kind().priority))
	b = appendField(b, "SYSLOG_IDENTIFIER", k.program)
	b = appendField(b, "MESSAGE", r.kind.kind().prefix+string(r.text))
	b = appendField(b, "ZANCUDO_MESSAGE", r.message)
	for _, one := range r.attrs {
		if name := fieldName(one.Key); name != "" {
			b = appendField(b, name, one.Value.Resolve().String())
		}
	}
	return b
}

// appendField appends a field. A value of several lines goes with its length,
// whatever it holds.
func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	if !strings.Contains(value, "\n") {
		return append(append(append(b, '='), value...), '\n')
	}
	b = binary.LittleEndian.AppendUint64(append(b, '\n'), uint64(len(value)))
	return append(append(b, value...), '\n')
}

// fieldName makes an attribute's name one of the journal's: capital letters,
// digits and underscores, none of these at the beginning.
func fieldName(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, key)
	name = strings.TrimLeft(name, "_0123456789")
	switch name {
	case "MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER": // they are taken
		return "ZANCUDO_" + name
	default:
		return name
	}
}
