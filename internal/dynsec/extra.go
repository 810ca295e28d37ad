package dynsec

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// extra is what an object of the file has that is none of ours. It is kept, so
// that another program that wrote it finds it again.
type extra map[string]json.RawMessage

// unmarshal reads an object into the struct that to points to, and returns what
// that has no field for.
func unmarshal(text []byte, to any) (extra, error) {
	if err := json.Unmarshal(text, to); err != nil {
		return nil, err
	}
	var rest extra
	if err := json.Unmarshal(text, &rest); err != nil {
		return nil, err
	}
	known := reflect.TypeOf(to).Elem()
	for field := range known.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		maps.DeleteFunc(rest, func(key string, _ json.RawMessage) bool { return strings.EqualFold(key, name) })
	}
	if len(rest) == 0 {
		return nil, nil
	}
	return rest, nil
}

// marshal writes an object, what is known of it first.
func marshal(known any, rest extra) (json.RawMessage, error) {
	b, err := encode(known)
	if err != nil || len(rest) == 0 {
		return b, err
	}
	b = b[:len(b)-1]
	for _, key := range slices.Sorted(maps.Keys(rest)) {
		name, err := encode(key)
		if err != nil {
			return nil, err
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(append(append(b, name...), ':'), rest[key]...)
	}
	return append(b, '}'), nil
}

// encode writes JSON for people, who are not served by < in the place of <.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
