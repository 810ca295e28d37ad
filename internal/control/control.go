package control

import (
	"encoding/json"
	"strings"
)

// Command is one command of a request.
type Command struct {
	Name string // as the client writes it
	// Fields are all of the command's object.
	Fields map[string]json.RawMessage
}

// Handler does a command. What it returns is the response's data, if it is not
// nil; an error's text becomes the response's error.
type Handler func(c Command) (data any, err error)

// response is what is said of one command, in Mosquitto's order.
type response struct {
	Command         string  `json:"command"`
	Error           string  `json:"error,omitempty"`
	Data            any     `json:"data,omitempty"`
	CorrelationData *string `json:"correlationData,omitempty"`
}

// maxCommands bounds the commands of one request.
const maxCommands = 1000

// Answer does the commands of a request and returns the responses. Names of
// commands are the same in capitals. What is no command ends the request: those
// before it are done.
func Answer(payload []byte, handlers map[string]Handler) []byte {
	var request struct {
		Commands *[]json.RawMessage `json:"commands"`
	}
	responses := []response{}
	switch err := json.Unmarshal(payload, &request); {
	case !json.Valid(payload):
		responses = append(responses, failed("Payload not valid JSON"))
	case err != nil, request.Commands == nil, len(*request.Commands) > maxCommands:
		responses = append(responses, failed("Invalid/missing commands"))
	default:
		for _, text := range *request.Commands {
			r, goOn := one(text, handlers)
			responses = append(responses, r)
			if !goOn {
				break
			}
		}
	}
	b, err := json.Marshal(map[string][]response{"responses": responses})
	if err != nil { // what a handler returned is no JSON
		b, _ = json.Marshal(map[string][]response{"responses": {failed("Internal error")}})
	}
	return b
}

func failed(text string) response { return response{Command: "Unknown command", Error: text} }

// one does one command. goOn is false after what is none.
func one(text json.RawMessage, handlers map[string]Handler) (r response, goOn bool) {
	c := Command{}
	if json.Unmarshal(text, &c.Fields) != nil || c.Fields == nil {
		return failed("Command not an object"), false
	}
	if json.Unmarshal(c.Fields["command"], &c.Name) != nil || c.Name == "" {
		return failed("Missing command"), false
	}
	r.Command = c.Name
	if correlation, given := c.Fields["correlationData"]; given {
		if json.Unmarshal(correlation, &r.CorrelationData) != nil || r.CorrelationData == nil {
			return response{Command: c.Name, Error: "Invalid correlationData data type."}, false
		}
	}
	for name, h := range handlers {
		if !strings.EqualFold(name, c.Name) {
			continue
		}
		r.Command = name
		var err error
		if r.Data, err = h(c); err != nil {
			r.Data, r.Error = nil, err.Error()
		}
		return r, true
	}
	r.Error = "Unknown command"
	return r, true
}
