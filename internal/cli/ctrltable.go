package cli

import (
	"slices"
	"strings"

	"github.com/zancudomq/zancudo/internal/dynsec"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
)

// ctrlOptions is what the command line of ctrl says.
type ctrlOptions struct {
	connection
	file  string // of dynamic security, in the place of a broker
	words []string
}

func newCtrlOptions() *ctrlOptions {
	o := &ctrlOptions{connection: newConnection()}
	o.connect.Version = packet.V5
	o.urlTopic = func(string, string) error { return nil } // of -L the topic says nothing
	return o
}

func (o *ctrlOptions) table() *flags.Command {
	return &flags.Command{
		Name: "ctrl", Summary: "change the users and rights of a running broker", Usage: []string{"[flags] module command [arguments]", "[flags]"},
		Text: "It sends commands to a broker with dynamic security, Zancudo or Mosquitto, and prints the answers. Without a module it asks for commands, one a line, and completes them with Tab.",
		Args: []flags.Arg{
			{Name: "module", Help: "dynsec: clients, groups and roles; broker: listeners and plugins", Optional: true, Choices: []string{"dynsec", "broker"}, Set: flags.With(o.word)},
			{Name: "command", Help: "what to do, see COMMANDS; help lists them", Optional: true, Set: flags.With(o.word)},
			{Name: "arguments", Help: "of the command", Optional: true, Many: true, Set: flags.With(o.word)},
		},
		FlagsFirst: true,
		Groups: []flags.Group{
			{Title: "Broker", Flags: append(append([]flags.Flag{o.urlFlag()}, o.serverFlags()...), o.userFlags()...)},
			{Title: "Session", Flags: []flags.Flag{
				{Names: "-i, --id", Value: "id", Help: "client identifier (the broker gives one)", Set: flags.With(o.setID)},
				{Names: "-q, --qos", Value: "QoS", Help: "of the requests (1); they are sent with QoS 1 whatever it is", Choices: []string{"0", "1", "2"}, Set: flags.With(func(string) error { return nil })},
				{
					Names: "-V, --protocol-version", Value: "version", Help: "of MQTT: mqttv31, mqttv311 or mqttv5 (mqttv5)",
					Choices: []string{"mqttv5", "mqttv311", "mqttv31", "5", "311", "31"}, Set: flags.With(o.setVersion),
				},
			}},
			{Title: "TLS", Flags: o.tlsFlags()},
			{Title: "Other", Flags: append([]flags.Flag{
				{
					Names: "-f", Value: "file", Help: "change a file of dynamic security while no broker uses it", Completes: flags.File,
					Set: flags.Text(&o.file),
				},
				{Names: "-o", Value: "options file", Help: "read flags from a file, one a line", Completes: flags.File, Set: flags.With(o.setOptionsFile)},
				{Names: "-d, --debug", Help: "show the packets", Set: flags.True(&o.debug)},
				{Names: "-v", Help: "passed over", Set: flags.Do(func() error { return nil })},
				{Names: "--quiet", Help: "print no errors", Set: flags.True(&o.quiet)},
			}, standardFlags()...)},
		},
		Sections: []flags.Section{{Title: "Commands", Text: ctrlCommandsText()}, toolStatus, optionsFileSection("ctrl")},
		Examples: []flags.Example{
			{Line: "zancudo ctrl dynsec init dynamic-security.json admin", Text: "begin a file; the password is asked for"},
			{Line: "zancudo ctrl -u admin -P secret dynsec createClient lamp", Text: "add a client"},
			{Line: "zancudo ctrl -u admin -P secret dynsec addRoleACL reader subscribePattern 'house/#' allow", Text: "let a role read"},
			{Line: "zancudo ctrl -u admin -P secret", Text: "ask for commands"},
		},
	}
}

func (o *ctrlOptions) word(v string) error {
	o.words = append(o.words, v)
	return nil
}

// ctrlCommandsText lists the commands for the manual page.
func ctrlCommandsText() string {
	var b strings.Builder
	for _, m := range ctrlModules() {
		commands := m.commands
		if m.topic == dynsec.Topic {
			commands = slices.Concat(fileCommands, commands)
		}
		for _, c := range commands {
			b.WriteString(" " + m.name + " " + c.name)
			if c.usage != "" {
				b.WriteString(" " + c.usage)
			}
			b.WriteString("\n")
		}
	}
	return "ACLTYPE is publishClientSend, publishClientReceive, subscribeLiteral, subscribePattern, unsubscribeLiteral or unsubscribePattern; of a default it is " +
		"publishClientSend, publishClientReceive, subscribe or unsubscribe. What has a higher priority is asked first.\n\n" + b.String()
}
