package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// Version is the number in the header of a recording.
const Version = 1

// An Entry is a message and when it came.
type Entry struct {
	// Offset is the time since the beginning of the recording. Between
	// entries of several recordings that follow each other, it never goes back.
	Offset time.Duration
	packet.Message
	// MessageExpiry is the Message Expiry Interval in seconds, meaningful if
	// HasMessageExpiry.
	MessageExpiry    uint32
	HasMessageExpiry bool
}

// AppendHeader appends the first line of a recording.
func AppendHeader(b []byte, start time.Time) []byte {
	b = append(b, `{"recording":`...)
	b = strconv.AppendInt(b, Version, 10)
	b = append(b, `,"start":"`...)
	b = start.AppendFormat(b, time.RFC3339Nano)
	return append(b, "\"}\n"...)
}

// Append appends the line of an entry.
func (e *Entry) Append(b []byte) []byte {
	b = append(b, `{"offset":`...)
	b = appendSeconds(b, e.Offset)
	b = append(b, `,"topic":`...)
	b = appendText(b, e.Topic)
	b = append(b, `,"qos":`...)
	b = append(b, '0'+byte(e.QoS))
	b = append(b, `,"retain":`...)
	b = strconv.AppendBool(b, e.Retain)
	b = e.appendProperties(b)
	if utf8.Valid(e.Payload) {
		b = append(b, `,"payload":`...)
		b = appendText(b, string(e.Payload))
	} else {
		b = append(b, `,"payload-base64":"`...)
		b = base64Encoding.AppendEncode(b, e.Payload)
		b = append(b, '"')
	}
	return append(b, "}\n"...)
}

// properties are those of a message in JSON, by the specification's names.
type properties struct {
	MessageExpiry   *uint32             `json:"message-expiry-interval,omitempty"`
	PayloadFormat   *int                `json:"payload-format-indicator,omitempty"`
	ContentType     string              `json:"content-type,omitempty"`
	ResponseTopic   string              `json:"response-topic,omitempty"`
	CorrelationData *[]byte             `json:"correlation-data,omitempty"` // in base64
	UserProperties  []map[string]string `json:"user-properties,omitempty"`  // of one pair each
}

func (e *Entry) appendProperties(b []byte) []byte {
	var p properties
	if e.HasMessageExpiry {
		p.MessageExpiry = &e.MessageExpiry
	}
	if m := e.Properties; m != nil {
		switch {
		case m.PayloadIsUTF8:
			p.PayloadFormat = new(1)
		case m.PayloadIsBytes:
			p.PayloadFormat = new(0)
		}
		p.ContentType, p.ResponseTopic = m.ContentType, m.ResponseTopic
		if m.CorrelationData != nil {
			p.CorrelationData = &m.CorrelationData
		}
		for _, u := range m.UserProperties {
			p.UserProperties = append(p.UserProperties, map[string]string{u.Name: u.Value})
		}
	} else if !e.HasMessageExpiry {
		return b
	}
	text := marshal(&p)
	if string(text) == "{}" {
		return b
	}
	b = append(b, `,"properties":`...)
	return append(b, text...)
}

// line is what a line may hold: a header or an entry.
type line struct {
	Recording int       `json:"recording"`
	Start     time.Time `json:"start"`

	Offset        *float64    `json:"offset"` // seconds
	Topic         string      `json:"topic"`
	QoS           packet.QoS  `json:"qos"`
	Retain        bool        `json:"retain"`
	Properties    *properties `json:"properties"`
	Payload       *string     `json:"payload"`
	PayloadBase64 *[]byte     `json:"payload-base64"`
}

// parseLine reads a line. Words that it does not know are errors: they would be
// lost without a word.
func parseLine(text []byte) (*line, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	l := &line{}
	if err := d.Decode(l); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one object")
	}
	return l, nil
}

// entry checks a line that is not a header. Without an offset it comes when the
// line before did.
func (l *line) entry(last time.Duration) (*Entry, error) {
	e := &Entry{Offset: last, Message: packet.Message{Topic: l.Topic, QoS: l.QoS, Retain: l.Retain}}
	if l.Offset != nil {
		seconds := *l.Offset
		if !(seconds >= 0 && seconds <= maxOffset.Seconds()) {
			return nil, fmt.Errorf("offset %v is not from 0 to %v seconds", seconds, maxOffset.Seconds())
		}
		e.Offset = time.Duration(math.Round(seconds*1e6)) * time.Microsecond
	}
	switch err := topic.ValidateName(l.Topic); {
	case err != nil:
		return nil, fmt.Errorf("topic %q: %w", l.Topic, err)
	case l.QoS > packet.ExactlyOnce:
		return nil, fmt.Errorf("qos %d is not 0, 1 or 2", l.QoS)
	case l.Payload != nil && l.PayloadBase64 != nil:
		return nil, errors.New("has both payload and payload-base64")
	case l.Payload != nil:
		e.Payload = []byte(*l.Payload)
	case l.PayloadBase64 != nil:
		e.Payload = *l.PayloadBase64
	}
	if l.Properties != nil {
		return e, l.Properties.into(e)
	}
	return e, nil
}

// maxOffset is the longest recording: a hundred years.
const maxOffset = 100 * 365 * 24 * time.Hour

func (p *properties) into(e *Entry) error {
	if p.MessageExpiry != nil {
		e.MessageExpiry, e.HasMessageExpiry = *p.MessageExpiry, true
	}
	m := &packet.MessageProperties{ContentType: p.ContentType, ResponseTopic: p.ResponseTopic}
	if n := p.PayloadFormat; n != nil {
		if *n < 0 || *n > 1 {
			return fmt.Errorf("payload-format-indicator %d is not 0 or 1", *n)
		}
		m.PayloadIsUTF8, m.PayloadIsBytes = *n == 1, *n == 0
	}
	if p.CorrelationData != nil {
		m.CorrelationData = *p.CorrelationData
	}
	for _, pair := range p.UserProperties {
		if len(pair) != 1 {
			return errors.New("each of the user-properties is an object of one pair")
		}
		for name, value := range pair {
			m.UserProperties = append(m.UserProperties, packet.UserProperty{Name: name, Value: value})
		}
	}
	if p.PayloadFormat != nil || m.ContentType != "" || m.ResponseTopic != "" || m.CorrelationData != nil || len(m.UserProperties) > 0 {
		e.Properties = m
	}
	return nil
}
