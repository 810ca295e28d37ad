package control_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/zancudomq/zancudo/internal/control"
)

var handlers = map[string]control.Handler{
	"listThings": func(control.Command) (any, error) { return map[string][]string{"things": {"a"}}, nil },
	"fail":       func(control.Command) (any, error) { return "lost", errors.New("it went wrong") },
	"echo":       func(c control.Command) (any, error) { return c.Fields["value"], nil },
	"broken":     func(control.Command) (any, error) { return func() {}, nil },
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ request, want string }{
		{`{"commands":[{"command":"listThings"}]}`, `{"responses":[{"command":"listThings","data":{"things":["a"]}}]}`},
		{`{"commands":[{"command":"LISTTHINGS","correlationData":"x"}]}`, `{"responses":[{"command":"listThings","data":{"things":["a"]},"correlationData":"x"}]}`},
		{
			`{"commands":[{"command":"fail","correlationData":""},{"command":"none"},{"command":"echo","value":[1]}]}`,
			`{"responses":[{"command":"fail","error":"it went wrong","correlationData":""},{"command":"none","error":"Unknown command"},{"command":"echo","data":[1]}]}`,
		},
		{`{"commands":[]}`, `{"responses":[]}`},
		{`{`, `{"responses":[{"command":"Unknown command","error":"Payload not valid JSON"}]}`},
		{``, `{"responses":[{"command":"Unknown command","error":"Payload not valid JSON"}]}`},
		{`[]`, `{"responses":[{"command":"Unknown command","error":"Invalid/missing commands"}]}`},
		{`{"commands":{}}`, `{"responses":[{"command":"Unknown command","error":"Invalid/missing commands"}]}`},
		{`{"commands":[1,{"command":"fail"}]}`, `{"responses":[{"command":"Unknown command","error":"Command not an object"}]}`},
		{`{"commands":[null]}`, `{"responses":[{"command":"Unknown command","error":"Command not an object"}]}`},
		{`{"commands":[{"command":1}]}`, `{"responses":[{"command":"Unknown command","error":"Missing command"}]}`},
		{`{"commands":[{}]}`, `{"responses":[{"command":"Unknown command","error":"Missing command"}]}`},
		{`{"commands":[{"command":"fail","correlationData":1},{"command":"fail"}]}`, `{"responses":[{"command":"fail","error":"Invalid correlationData data type."}]}`},
		{`{"commands":[{"command":"broken"}]}`, `{"responses":[{"command":"Unknown command","error":"Internal error"}]}`},
	} {
		if got := string(control.Answer([]byte(tt.request), handlers)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.request, got, tt.want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"commands":[{"command":"echo","value":{"a":null},"correlationData":"x"}]}`))
	f.Fuzz(func(t *testing.T, request []byte) {
		if got := control.Answer(request, handlers); !json.Valid(got) {
			t.Errorf("%q is answered by %q", request, got)
		}
	})
}
