package cli

import (
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// rrOptions is what the command line of rr says.
type rrOptions struct {
	connection
	sending
	printing
	responseTopic string
	latency       bool
}

func newRROptions() *rrOptions {
	o := &rrOptions{connection: newConnection()}
	o.connect.Version = packet.V5
	o.urlTopic = o.setTopic
	return o
}

func (o *rrOptions) table() *flags.Command {
	request := append(o.messageFlags(), flags.Flag{
		Names: "-e", Value: "response topic", Help: "where the response comes", Set: flags.With(func(v string) error {
			o.responseTopic = v
			return checkTopic(v, "response", "-e", topic.ValidateName)
		}),
	})
	return &flags.Command{
		Name: "rr", Summary: "publish a request and print the response", Usage: []string{
			"-t topic -e response-topic {-m message | -n | -f file | -s} [flags]",
			"-L URL -e response-topic {-m message | -n | -f file | -s} [flags]",
		},
		Text: "It subscribes to the response topic, publishes the request and ends with the first response. With MQTT 5, which it speaks unless -V says otherwise, the request has the response topic as a property.",
		Groups: append([]flags.Group{
			{Title: "Request", Flags: request},
			{Title: "Response", Flags: append(o.printingFlags(), flags.Flag{Names: "--latency", Help: "print how long the response took", Set: flags.True(&o.latency)})},
		}, o.groups()...),
		Sections: append([]flags.Section{toolStatus}, append(formatSections(), optionsFileSection("rr"))...),
		Examples: []flags.Example{
			{Line: "zancudo rr -t clock/get -e clock/answer -n -W 5", Text: "ask, and wait 5 seconds for the answer"},
			{Line: "zancudo rr -t echo -e echo -m hello --latency", Text: "measure the way through a broker"},
		},
	}
}

// check completes the options once all flags are known.
func (o *rrOptions) check() error {
	if err := o.connection.check(); err != nil {
		return err
	}
	if o.topic == "" || o.source == noSource || o.responseTopic == "" {
		return flags.Errorf("All of topic, message, and response topic must be supplied. They come after -t, -e, and one of -f, -m, -n and -s.")
	}
	if o.properties.has("publish", "response-topic") {
		return propertyError("publish", "Duplicate response topic. The one of -e is it.")
	}
	if o.connect.Version == packet.V5 {
		o.message("publish").ResponseTopic = o.responseTopic
	}
	o.limit(1)
	return nil
}
