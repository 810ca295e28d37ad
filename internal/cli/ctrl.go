package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/atomicfile"
	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/dynsec"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/password"

	"github.com/zancudomq/zancudo/packet"
)

// controller is ctrl at work.
type controller struct {
	*tool
	options client.Options
	file    string          // commands change this file; empty: a broker
	heard   map[string]bool // modules whose answers are subscribed to
	answers chan []byte
	denied  chan packet.ReasonCode // of requests
}

// answerTime is how long the answer to a request may take.
const answerTime = 10 * time.Second

// ctrl sends a command to a broker, or asks for commands. As mosquitto_ctrl its
// status is 0 when a broker has refused a command, too.
func ctrl(ctx context.Context, env Env, args []string) int {
	o := newCtrlOptions()
	if status, done := readTool(env, o, newCtrlOptions(), args); done {
		return status
	}
	t, options, err := newTool(env, &o.connection)
	if err != nil {
		return statusError
	}
	c := &controller{tool: t, options: options, file: o.file, answers: make(chan []byte, 16), denied: make(chan packet.ReasonCode, 1)}
	c.options.OnMessage, c.options.OnAck = c.hear, c.settled
	defer c.close()
	if len(o.words) == 0 {
		return c.shell(ctx)
	}
	if len(o.words) > 1 && o.words[0] == "dynsec" {
		switch args := o.words[2:]; strings.ToLower(o.words[1]) {
		case "init":
			return c.begin(ctx, args)
		case "fromfiles":
			return c.fromFiles(args)
		case "tofiles":
			return c.toFiles(args)
		}
	}
	return c.run(ctx, o.words)
}

// run does one command.
func (c *controller) run(ctx context.Context, words []string) int {
	if len(words) == 1 || words[1] == "help" {
		m, _, err := findCtrl(words[0], "")
		if m == nil {
			say(c.env.Stderr, "Error: %v\n", err)
			return usageStatus
		}
		m.writeHelp(c.env.Stdout)
		return 0
	}
	m, command, err := findCtrl(words[0], words[1])
	if err != nil {
		say(c.env.Stderr, "%v\n", err)
		return usageStatus
	}
	request, err := command.request(words[2:])
	if errors.Is(err, errCtrlUsage) {
		err = flags.Errorf("%v It is: %s %s %s", err, m.name, command.name, command.usage)
	}
	if err != nil {
		say(c.env.Stderr, "Error: %v\n", err)
		return usageStatus
	}
	if err := c.complete(ctx, command, request); err != nil {
		say(c.env.Stderr, "Error: %s.\n", capital(err.Error()))
		return statusError
	}
	data, err := c.ask(ctx, m, request)
	var refused refusedCommand
	switch {
	case errors.As(err, &refused):
		say(c.env.Stderr, "%s: Error: %s\n", command.name, refused)
		if c.env.mosquitto() {
			return 0
		}
		return statusError
	case err != nil:
		return c.fail(err)
	case command.print == nil:
		return 0
	}
	if err := command.print(c.env.Stdout, data); err != nil {
		say(c.env.Stderr, "Error: Invalid response from server.\n")
		return statusError
	}
	return 0
}

// complete asks for the password that a command lacks.
func (c *controller) complete(ctx context.Context, command *ctrlCommand, r ctrlRequest) error {
	if command.name != "createClient" && command.name != "setClientPassword" {
		return nil
	}
	if _, given := r["password"]; given {
		return nil
	}
	secret, err := c.newSecret(ctx, fmt.Sprint(r["username"]))
	if err != nil {
		return err
	}
	switch {
	case secret != "":
		r["password"] = secret
	case command.name == "setClientPassword":
		return errors.New("empty password")
	}
	return nil
}

// refusedCommand is what the broker says of a command that it has not done.
type refusedCommand string

func (e refusedCommand) Error() string { return string(e) }

// ask has a request answered and returns the data of the answer.
func (c *controller) ask(ctx context.Context, m *ctrlModule, r ctrlRequest) (json.RawMessage, error) {
	id := randomID()
	r["correlationData"] = id
	payload, err := json.Marshal(map[string]any{"commands": []any{r}})
	if err != nil {
		return nil, err
	}
	if c.file != "" {
		if m.topic != dynsec.Topic {
			return nil, errors.New("a file has no listeners and plugins: leave out -f")
		}
		answer, err := changeFile(c.file, payload)
		if err != nil {
			return nil, err
		}
		data, _, err := answerOf(answer, id)
		return data, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errors.New("the broker has not answered: it has no such module, or does not let this client have the answer"))
	defer cancel()
	if err := c.open(ctx, m); err != nil {
		return nil, err
	}
	err = c.client.Publish(ctx, &packet.Publish{Message: packet.Message{Topic: m.topic, QoS: packet.AtLeastOnce, Payload: payload}})
	if err != nil {
		return nil, c.why(err)
	}
	for {
		select {
		case answer := <-c.answers:
			if data, ours, err := answerOf(answer, id); ours {
				return data, err
			}
		case code := <-c.denied:
			return nil, fmt.Errorf("the broker does not take the request: %w", code)
		case <-c.client.Done():
			return nil, c.client.Err()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// open connects, and subscribes to the answers of a module.
func (c *controller) open(ctx context.Context, m *ctrlModule) error {
	if c.client == nil || c.client.Err() != nil {
		c.client, c.heard = client.New(c.options), map[string]bool{}
		if _, err := c.client.Connect(ctx); err != nil {
			c.client = nil
			return err
		}
		if c.overheard() {
			say(c.env.Stderr, "Warning: The connection is not encrypted: others on the network can read what is changed, passwords included.\n")
		}
	}
	if c.heard[m.name] {
		return nil
	}
	suback, err := c.client.Subscribe(ctx, &packet.Subscribe{Subscriptions: []packet.Subscription{{Filter: m.topic + "/response", QoS: packet.AtLeastOnce}}})
	if err != nil {
		return c.why(err)
	}
	if code, denied := deniedBy(suback); denied {
		return fmt.Errorf("the broker does not let this client have the answers of %s: %w", m.name, code)
	}
	c.heard[m.name] = true
	return nil
}

// overheard reports whether others on the network can read what is said.
func (c *controller) overheard() bool {
	where, err := c.dial()
	if err != nil || where.TLS != nil || where.PSK != nil || where.Unix != "" {
		return false
	}
	ip, err := netip.ParseAddr(where.Host)
	return where.Host != "" && where.Host != "localhost" && (err != nil || !ip.IsLoopback())
}

func (c *controller) hear(p *packet.Publish) {
	select {
	case c.answers <- append([]byte(nil), p.Payload...):
	default: // answers to others
	}
}

// settled hears that a request was not taken.
func (c *controller) settled(a *packet.Ack) {
	if a.ReasonCode >= packet.UnspecifiedError {
		select {
		case c.denied <- a.ReasonCode:
		default:
		}
	}
}

// close ends the connection, if there is one.
func (c *controller) close() {
	if c.client != nil && c.client.Err() == nil {
		c.interrupted(packet.Success)
	}
}

// answerOf finds the response to the request with an identifier.
func answerOf(text []byte, id string) (data json.RawMessage, ours bool, err error) {
	var answer struct {
		Responses []struct {
			Error         *string         `json:"error"`
			Data          json.RawMessage `json:"data"`
			CorrelationID string          `json:"correlationData"`
		} `json:"responses"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return nil, false, nil
	}
	for _, r := range answer.Responses {
		switch {
		case r.CorrelationID != id:
		case r.Error != nil:
			return nil, true, refusedCommand(*r.Error)
		default:
			return r.Data, true, nil
		}
	}
	return nil, false, nil
}

// changeFile does the commands of a request on a file.
func changeFile(path string, request []byte) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("unable to read %s: %s", path, errnoText(err))
	}
	var unsaved error
	s, err := dynsec.New(text, dynsec.Options{
		Save: func(text []byte) error {
			unsaved = atomicfile.Write(path, text, atomicfile.Options{Inherit: true})
			return unsaved
		},
		Passwords: func(map[string]*password.Hash) broker.Authenticator { return nil },
	})
	if err != nil {
		return nil, fmt.Errorf("%s is no file of dynamic security: %w", path, err)
	}
	answer := s.Answer(dynsec.Request{Payload: request})
	if unsaved != nil {
		return nil, fmt.Errorf("unable to write %s: %s", path, errnoText(unsaved))
	}
	return answer, nil
}

// begin makes a new file with one client: FILE USER [PASSWORD].
func (c *controller) begin(ctx context.Context, args []string) int {
	if len(args) < 2 || len(args) > 3 {
		return c.wrongUse(&fileCommands[0])
	}
	path, user := args[0], args[1]
	var secret string
	var err error
	if len(args) == 3 {
		secret = args[2]
	} else {
		secret, err = c.newSecret(ctx, user)
	}
	if err == nil && secret == "" {
		err = errors.New("empty password")
	}
	var text []byte
	if err == nil {
		text, err = dynsec.Init(user, secret)
	}
	if err == nil {
		err = create(path, text)
	}
	if err != nil {
		say(c.env.Stderr, "Error: %s.\n", capital(err.Error()))
		return statusError
	}
	say(c.env.Stdout, `The file '%[1]s' is there, with the client '%[2]s', which may change everything and read everything, but not publish.
These lines in a configuration use it:
    plugin mosquitto_dynamic_security.so
    plugin_opt_config_file %[1]s
Then make clients and roles for what is to be published, as with:
    %[3]s -u %[2]s dynsec createRole sensor
    %[3]s -u %[2]s dynsec addRoleACL sensor publishClientSend 'house/#' allow
    %[3]s -u %[2]s dynsec createClient lamp
    %[3]s -u %[2]s dynsec addClientRole lamp sensor
`, path, user, c.env.Program)
	return 0
}
