package mosqlite

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/zancudomq/zancudo/packet"
)

// property is one of a message, as the plugin writes it.
type property struct {
	Identifier string          `json:"identifier"`
	Name       string          `json:"name"`
	Value      json.RawMessage `json:"value"`
}

// parseProperties reads the properties of a message, a list in JSON; empty: it has
// none.
func parseProperties(text string) (*packet.MessageProperties, error) {
	if text == "" {
		return nil, nil
	}
	var list []property
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("properties: %w", err)
	}
	p := &packet.MessageProperties{}
	for _, one := range list {
		if err := one.set(p); err != nil {
			return nil, fmt.Errorf("property %q: %w", one.Identifier, err)
		}
	}
	return p, nil
}

func (one *property) set(p *packet.MessageProperties) error {
	var text string
	switch one.Identifier {
	case "payload-format-indicator":
		var format int
		if err := json.Unmarshal(one.Value, &format); err != nil {
			return err
		}
		p.PayloadIsUTF8, p.PayloadIsBytes = format == 1, format == 0
		return nil
	case "content-type", "response-topic", "correlation-data", "user-property":
		if err := json.Unmarshal(one.Value, &text); err != nil {
			return err
		}
	default: // Mosquitto passes over what it does not know, and nothing else is part of a message
		return nil
	}
	var err error
	switch one.Identifier {
	case "content-type":
		p.ContentType = text
	case "response-topic":
		p.ResponseTopic = text
	case "correlation-data":
		p.CorrelationData, err = hex.DecodeString(text)
	case "user-property":
		p.UserProperties = append(p.UserProperties, packet.UserProperty{Name: one.Name, Value: text})
	}
	return err
}
