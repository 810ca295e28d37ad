package cli

import (
	"math"
	"time"

	"github.com/zancudomq/zancudo/internal/flags"
)

// pubOptions is what the command line of pub says.
type pubOptions struct {
	connection
	sending
	retain      bool
	repeat      int // how often the message is sent; zero: once
	repeatDelay float64
}

func newPubOptions() *pubOptions {
	o := &pubOptions{connection: newConnection()}
	o.urlTopic = o.setTopic
	return o
}

// delay is the time between two of the same messages.
func (o *pubOptions) delay() time.Duration {
	return time.Duration(o.repeatDelay * float64(time.Second))
}

func (o *pubOptions) table() *flags.Command {
	message := append(o.messageFlags(), []flags.Flag{
		{Names: "-l, --stdin-line", Help: "send each line of standard input as a message", Set: o.from(stdinLines)},
		{Names: "-r, --retain", Help: "the broker shall keep the message for later subscribers", Set: flags.True(&o.retain)},
		{
			Names: "--repeat", Value: "count", Help: "send the message so many times", Invalid: "--repeat argument must be >0.",
			Set: flags.Int(&o.repeat, 1, math.MaxInt32), More: "The next is sent when the broker has the last.",
		},
		{
			Names: "--repeat-delay", Value: "time", Help: "seconds to wait before the next (0)", Invalid: "--repeat-delay argument must be >=0.0.",
			Set: flags.Float(&o.repeatDelay, 0, 1e9),
		},
	}...)
	return &flags.Command{
		Name: "pub", Summary: "publish messages", Usage: []string{
			"-t topic {-m message | -n | -l | -f file | -s} [flags]",
			"-L URL {-m message | -n | -l | -f file | -s} [flags]",
		},
		Groups:   append([]flags.Group{{Title: "Message", Flags: message}}, o.groups()...),
		Sections: append([]flags.Section{toolStatus}, optionsFileSection("pub")),
		Examples: []flags.Example{
			{Line: "zancudo pub -t lamp/set -m on", Text: "publish a message"},
			{Line: "tail -f log | zancudo pub -t log -l -q 1", Text: "publish lines as they come"},
			{Line: "zancudo pub -t lamp/state -r -n", Text: "remove a retained message"},
			{Line: "zancudo pub -L mqtts://user@example.org/a/b -f photo.jpg", Text: "publish a file, over TLS"},
		},
	}
}

// check completes the options once all flags are known.
func (o *pubOptions) check() error {
	if err := o.connection.check(); err != nil {
		return err
	}
	if o.topic == "" || o.source == noSource {
		return flags.Errorf("Both topic and message must be supplied. The topic comes after -t, the message from one of -f, -l, -m, -n and -s.")
	}
	return nil
}

// toolStatus is the section on exit statuses in the manual of a tool.
var toolStatus = flags.Section{Title: "Exit status", Text: `0 if all went well, 1 if the command line makes no sense or the broker cannot be reached, 7 if the connection was lost, 8 if TLS failed, 27 if the time of -W is over.

A broker that refuses the connection gives the status: its return code of MQTT 3.1.1, as 5 for not authorised, or the reason code of MQTT 5, as 135.`}
