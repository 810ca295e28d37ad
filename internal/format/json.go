package format

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/packet"
)

// jsonTime is how JSON output shows the time of receipt.
const jsonTime = "2006-01-02T15:04:05.000000-0700"

// appendJSON appends the message as an object whose payload is a string, null if
// it is empty.
func appendJSON(b []byte, p *packet.Publish, now time.Time, pretty bool) []byte {
	w := jsonWriter{b: b, pretty: pretty}
	w.open('{')
	w.message(p, now)
	w.name("payload")
	if len(p.Payload) == 0 {
		w.raw("null")
	} else {
		w.b = appendQuoted(w.b, p.Payload)
	}
	w.close('}')
	return w.b
}

// appendMessageOfJSON appends the message as an object whose payload is JSON of
// its own. If it is not, nothing is appended.
func appendMessageOfJSON(b []byte, p *packet.Publish, now time.Time, pretty bool) ([]byte, string) {
	w := jsonWriter{b: b, pretty: pretty}
	w.open('{')
	w.message(p, now)
	w.name("payload")
	if len(p.Payload) == 0 {
		w.raw("null")
	} else if !w.copyJSON(p.Payload) {
		return w.b[:len(b)], "Message payload is not valid JSON"
	}
	w.close('}')
	return w.b, ""
}

// A jsonWriter appends JSON in the layout of cJSON, which Mosquitto uses: pretty
// objects have a line for each member, indented by tabs, and pretty arrays are on
// one line.
type jsonWriter struct {
	b      []byte
	pretty bool
	depth  int  // of objects and arrays that are open
	filled bool // something stands already in the innermost of them
}

// message writes the members before the payload.
func (w *jsonWriter) message(p *packet.Publish, now time.Time) {
	w.name("tst")
	w.b = append(now.AppendFormat(append(w.b, '"'), jsonTime), '"')
	w.name("topic")
	w.text(p.Topic)
	w.name("qos")
	w.number(uint64(p.QoS))
	w.name("retain")
	w.b = strconv.AppendBool(w.b, p.Retain)
	w.name("payloadlen")
	w.number(uint64(len(p.Payload)))
	if p.QoS > 0 {
		w.name("mid")
		w.number(uint64(p.PacketID))
	}
	w.properties(p)
}

// properties writes the properties, if there are any, in the order in which our
// broker sends them.
func (w *jsonWriter) properties(p *packet.Publish) {
	m := p.Properties
	if m == nil {
		m = &packet.MessageProperties{}
	}
	if p.TopicAlias == 0 && !p.HasMessageExpiry && len(p.SubscriptionIDs) == 0 && !m.PayloadIsUTF8 && !m.PayloadIsBytes &&
		m.ContentType == "" && m.ResponseTopic == "" && m.CorrelationData == nil && len(m.UserProperties) == 0 {
		return
	}
	w.name("properties")
	w.open('{')
	if p.TopicAlias != 0 {
		w.name("topic-alias")
		w.number(uint64(p.TopicAlias))
	}
	if p.HasMessageExpiry {
		w.name("message-expiry-interval")
		w.number(uint64(p.MessageExpiry))
	}
	switch {
	case m.PayloadIsUTF8:
		w.name("payload-format-indicator")
		w.number(1)
	case m.PayloadIsBytes:
		w.name("payload-format-indicator")
		w.number(0)
	}
	if m.ContentType != "" {
		w.name("content-type")
		w.text(m.ContentType)
	}
	if m.ResponseTopic != "" {
		w.name("response-topic")
		w.text(m.ResponseTopic)
	}
	if m.CorrelationData != nil {
		w.name("correlation-data")
		w.b = appendQuoted(w.b, m.CorrelationData)
	}
	w.userProperties(m.UserProperties)
	for _, id := range p.SubscriptionIDs {
		w.name("subscription-identifier")
		w.number(uint64(id))
	}
	w.close('}')
}

// userProperties writes an array of objects with one member each: names may be
// repeated, and their order counts.
func (w *jsonWriter) userProperties(list []packet.UserProperty) {
	if len(list) == 0 {
		return
	}
	w.name("user-properties")
	w.open('[')
	for _, u := range list {
		w.element()
		w.open('{')
		w.name(u.Name)
		w.text(u.Value)
		w.close('}')
	}
	w.close(']')
}

// open begins an object or an array.
func (w *jsonWriter) open(bracket byte) {
	w.b = append(w.b, bracket)
	w.depth++
	w.filled = false
	if w.pretty && bracket == '{' {
		w.b = append(w.b, '\n')
	}
}

// close ends an object or an array.
func (w *jsonWriter) close(bracket byte) {
	w.depth--
	if w.pretty && bracket == '}' {
		if w.filled {
			w.b = append(w.b, '\n')
		}
		w.b = repeat(w.b, '\t', w.depth)
	}
	w.b = append(w.b, bracket)
	w.filled = true
}

// name begins a member of an object.
func (w *jsonWriter) name(name string) {
	w.beginMember()
	w.text(name)
	w.endName()
}

func (w *jsonWriter) beginMember() {
	if w.filled {
		w.b = append(w.b, ',')
		if w.pretty {
			w.b = append(w.b, '\n')
		}
	}
	w.filled = true
	if w.pretty {
		w.b = repeat(w.b, '\t', w.depth)
	}
}

func (w *jsonWriter) endName() {
	w.b = append(w.b, ':')
	if w.pretty {
		w.b = append(w.b, '\t')
	}
}

// element begins an element of an array.
func (w *jsonWriter) element() {
	if w.filled {
		w.b = append(w.b, ',')
		if w.pretty {
			w.b = append(w.b, ' ')
		}
	}
	w.filled = true
}

func (w *jsonWriter) raw(s string)    { w.b = append(w.b, s...) }
func (w *jsonWriter) text(s string)   { w.b = appendQuoted(w.b, s) }
func (w *jsonWriter) number(v uint64) { w.b = strconv.AppendUint(w.b, v, 10) }

// appendQuoted appends a string. Bytes that are no UTF-8 stay as they are: what
// reads the output may know them.
func appendQuoted[S string | []byte](b []byte, s S) []byte {
	b = append(b, '"')
	for i := range len(s) {
		b = appendEscaped(b, s[i])
	}
	return append(b, '"')
}

// shortEscapes are the characters that JSON has a letter for.
const (
	shortEscapes = "\"\\\b\f\n\r\t"
	shortLetters = `"\bfnrt`
)

func appendEscaped(b []byte, c byte) []byte {
	if c >= ' ' && c != '"' && c != '\\' {
		return append(b, c)
	}
	if i := strings.IndexByte(shortEscapes, c); i >= 0 {
		return append(b, '\\', shortLetters[i])
	}
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// appendRune appends a character of a string.
func appendRune(b []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		return appendEscaped(b, byte(r))
	}
	return utf8.AppendRune(b, r)
}
