package logs

import (
	"bytes"
	"log/slog"
	"strconv"
	"time"

	"github.com/zancudomq/zancudo/internal/format"
)

// form returns how lines are written for a destination.
func form(o *Options, k key) func(b []byte, r *record) []byte {
	stamp := stamper(o)
	switch {
	case k.name == toSyslog:
		return func(b []byte, r *record) []byte { return appendSyslog(b, k, r, stamp) }
	case k.name == toJournal:
		return func(b []byte, r *record) []byte { return appendJournal(b, k, r) }
	case k.name == toTopic:
		return func(b []byte, r *record) []byte { return appendClassic(b, r, stamp) }
	case o.JSON:
		return func(b []byte, r *record) []byte { return append(appendJSON(b, r), '\n') }
	default:
		return func(b []byte, r *record) []byte { return append(appendClassic(b, r, stamp), '\n') }
	}
}

// stamper returns what appends the time that a line begins with.
func stamper(o *Options) func(b []byte, t time.Time) []byte {
	switch {
	case !o.Timestamp:
		return func(b []byte, _ time.Time) []byte { return b }
	case o.TimestampFormat != "":
		return func(b []byte, t time.Time) []byte {
			return append(format.AppendTime(b, o.TimestampFormat, t.Local()), ": "...)
		}
	default:
		return func(b []byte, t time.Time) []byte { return append(strconv.AppendInt(b, t.Unix(), 10), ": "...) }
	}
}

// appendClassic appends a line as Mosquitto writes it, without its end.
func appendClassic(b []byte, r *record, stamp func([]byte, time.Time) []byte) []byte {
	if !r.time.IsZero() {
		b = stamp(b, r.time)
	}
	b = append(b, r.kind.kind().prefix...)
	return append(b, r.text...)
}

// appendJSON appends a line as an object: when, how bad, which message, the
// sentence, and each attribute by its name.
func appendJSON(b []byte, r *record) []byte {
	b = append(b, `{"time":"`...)
	b = r.time.AppendFormat(b, time.RFC3339Nano)
	b = append(append(append(b, `","type":"`...), r.kind.kind().name...), `","message":`...)
	b = appendJSONString(b, []byte(r.message))
	b = appendJSONString(append(b, `,"text":`...), r.text)
	for i := range r.attrs {
		one := &r.attrs[i]
		b = append(appendJSONString(append(b, ','), []byte(one.Key)), ':')
		b = appendJSONValue(b, one.Value.Resolve())
	}
	return append(b, '}')
}

// appendJSONString appends s as a string of JSON, which is valid UTF-8 whatever
// s is.
func appendJSONString(b, s []byte) []byte {
	b = append(b, '"')
	for _, r := range string(bytes.ToValidUTF8(s, []byte("\uFFFD"))) {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7F || r == '\u2028' || r == '\u2029':
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// appendJSONValue appends a number or truth as it is, anything else as a string.
func appendJSONValue(b []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindTime:
		return append(v.Time().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	default:
		return appendJSONString(b, []byte(v.String()))
	}
}
