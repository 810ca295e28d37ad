package cli

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/zancudomq/zancudo/internal/dynsec"
	"github.com/zancudomq/zancudo/internal/flags"
)

// ctrlModule is a part of the broker that takes commands at a topic.
type ctrlModule struct {
	name, topic string
	commands    []ctrlCommand
}

// ctrlCommand is one of them.
type ctrlCommand struct {
	name  string
	usage string // its arguments; those in brackets may be left out
	help  string
	// fields are those of the request, of the arguments in their order: each
	// takes one, or is left out.
	fields []ctrlField
	// fill makes the request of arguments that are not just one for each field.
	fill func(r ctrlRequest, args []string) error
	// print prints the data of the answer; nil: there are none.
	print func(w io.Writer, data json.RawMessage) error
}

// ctrlRequest are the fields of a request.
type ctrlRequest map[string]any

// ctrlField is a field that is an argument.
type ctrlField struct {
	name     string
	optional bool
	number   bool
}

func text(names ...string) (all []ctrlField) {
	for _, name := range names {
		all = append(all, ctrlField{name: name})
	}
	return all
}

// and are fields with more behind them.
func and(fields []ctrlField, more ...ctrlField) []ctrlField { return append(fields, more...) }

func ctrlModules() []ctrlModule {
	priority := ctrlField{name: "priority", optional: true, number: true}
	page := []ctrlField{{name: "count", optional: true, number: true}, {name: "offset", optional: true, number: true}}
	return []ctrlModule{
		{name: "dynsec", topic: dynsec.Topic, commands: []ctrlCommand{
			{name: "getDefaultACLAccess", help: "what holds where no role says anything", print: printDefaults},
			{name: "setDefaultACLAccess", usage: "ACLTYPE allow|deny", help: "change that", fill: fillDefault},
			{name: "getAnonymousGroup", help: "the group of clients without a name", print: printAnonymous},
			{name: "setAnonymousGroup", usage: "GROUP", help: "change that", fields: text("groupname")},
			{name: "getDetails", help: "how much there is", print: printDetails},

			{name: "createClient", usage: "USER [-i CLIENTID] [-p PASSWORD]", help: "add a client; the password is asked for", fill: fillClient},
			{name: "deleteClient", usage: "USER", help: "remove it", fields: text("username")},
			{name: "setClientPassword", usage: "USER [PASSWORD]", help: "give it another password, which is asked for", fields: text("username", "password")},
			{name: "setClientId", usage: "USER [CLIENTID]", help: "allow only this client identifier, or any", fields: and(text("username"), ctrlField{name: "clientid", optional: true})},
			{name: "addClientRole", usage: "USER ROLE [PRIORITY]", help: "give it a role", fields: and(text("username", "rolename"), priority)},
			{name: "removeClientRole", usage: "USER ROLE", help: "take it away", fields: text("username", "rolename")},
			{name: "modifyClient", usage: "USER textName|textDescription TEXT", help: "describe it", fill: fillTexts("username")},
			{name: "getClient", usage: "USER", help: "show it", fields: text("username"), print: printEntry},
			{name: "listClients", usage: "[COUNT [OFFSET]]", help: "list all", fields: page, print: printList("clients")},
			{name: "enableClient", usage: "USER", help: "let it connect", fields: text("username")},
			{name: "disableClient", usage: "USER", help: "do not", fields: text("username")},

			{name: "createGroup", usage: "GROUP", help: "add a group", fields: text("groupname")},
			{name: "deleteGroup", usage: "GROUP", help: "remove it", fields: text("groupname")},
			{name: "addGroupRole", usage: "GROUP ROLE [PRIORITY]", help: "give it a role", fields: and(text("groupname", "rolename"), priority)},
			{name: "removeGroupRole", usage: "GROUP ROLE", help: "take it away", fields: text("groupname", "rolename")},
			{name: "addGroupClient", usage: "GROUP USER [PRIORITY]", help: "put a client into it", fields: and(text("groupname", "username"), priority)},
			{name: "removeGroupClient", usage: "GROUP USER", help: "take it out", fields: text("groupname", "username")},
			{name: "modifyGroup", usage: "GROUP textName|textDescription TEXT", help: "describe it", fill: fillTexts("groupname")},
			{name: "getGroup", usage: "GROUP", help: "show it", fields: text("groupname"), print: printEntry},
			{name: "listGroups", usage: "[COUNT [OFFSET]]", help: "list all", fields: page, print: printList("groups")},

			{name: "createRole", usage: "ROLE", help: "add a role", fields: text("rolename")},
			{name: "deleteRole", usage: "ROLE", help: "remove it", fields: text("rolename")},
			{name: "addRoleACL", usage: "ROLE ACLTYPE TOPIC allow|deny [PRIORITY]", help: "have it allow or deny a topic", fill: fillRule},
			{name: "removeRoleACL", usage: "ROLE ACLTYPE TOPIC", help: "not any more", fields: text("rolename", "acltype", "topic")},
			{name: "modifyRole", usage: "ROLE textName|textDescription|allowWildcardSubs VALUE", help: "describe it, or deny subscriptions with wildcards", fill: fillTexts("rolename")},
			{name: "getRole", usage: "ROLE", help: "show it", fields: text("rolename"), print: printEntry},
			{name: "listRoles", usage: "[COUNT [OFFSET]]", help: "list all", fields: page, print: printList("roles")},
		}},
		{name: "broker", topic: "$CONTROL/broker/v1", commands: []ctrlCommand{
			{name: "listListeners", help: "the listeners that are open", print: printListeners},
			{name: "listPlugins", help: "what takes commands", print: printPlugins},
		}},
	}
}

func findCtrl(module, command string) (m *ctrlModule, c *ctrlCommand, err error) {
	modules := ctrlModules()
	for i := range modules {
		if !strings.EqualFold(modules[i].name, module) {
			continue
		}
		m = &modules[i]
		var names []string
		for j := range m.commands {
			if strings.EqualFold(m.commands[j].name, command) {
				return m, &m.commands[j], nil
			}
			names = append(names, m.commands[j].name)
		}
		if meant := flags.Nearest(command, names); meant != "" {
			return m, nil, flags.Errorf("Command '%s' not recognised, did you mean '%s'?", command, meant)
		}
		return m, nil, flags.Errorf("Command '%s' not recognised; '%s help' lists the commands.", command, m.name)
	}
	return nil, nil, flags.Errorf("Module '%s' not supported; there are dynsec and broker.", module)
}

// request makes the request of the arguments.
func (c *ctrlCommand) request(args []string) (ctrlRequest, error) {
	r := ctrlRequest{"command": c.name}
	if c.fill != nil {
		return r, c.fill(r, args)
	}
	for _, f := range c.fields {
		switch {
		case len(args) == 0 && f.optional, len(args) == 0 && f.name == "password": // that is asked for
			continue
		case len(args) == 0:
			return nil, errCtrlUsage
		}
		if err := r.set(f, args[0]); err != nil {
			return nil, err
		}
		args = args[1:]
	}
	if len(args) > 0 {
		return nil, errCtrlUsage
	}
	return r, nil
}

var errCtrlUsage = flags.Errorf("Invalid function arguments provided.")

func (r ctrlRequest) set(f ctrlField, v string) error {
	if !f.number {
		r[f.name] = v
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return flags.Errorf("The %s is a whole number, not '%s'.", f.name, v)
	}
	r[f.name] = n
	return nil
}

func allowed(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "allow":
		return true, nil
	case "deny":
		return false, nil
	default:
		return false, flags.Errorf("It is allow or deny, not '%s'.", v)
	}
}

func fillDefault(r ctrlRequest, args []string) error {
	if len(args) != 2 {
		return errCtrlUsage
	}
	allow, err := allowed(args[1])
	r["acls"] = []any{map[string]any{"acltype": args[0], "allow": allow}}
	return err
}

func fillClient(r ctrlRequest, args []string) error {
	if len(args) == 0 {
		return errCtrlUsage
	}
	r["username"] = args[0]
	for args = args[1:]; len(args) > 1; args = args[2:] {
		switch args[0] {
		case "-i", "-c":
			r["clientid"] = args[1]
		case "-p":
			r["password"] = args[1]
		default:
			return errCtrlUsage
		}
	}
	if len(args) > 0 {
		return errCtrlUsage
	}
	return nil
}

func fillRule(r ctrlRequest, args []string) (err error) {
	if len(args) != 4 && len(args) != 5 {
		return errCtrlUsage
	}
	r["rolename"], r["acltype"], r["topic"] = args[0], args[1], args[2]
	if r["allow"], err = allowed(args[3]); err == nil && len(args) == 5 {
		err = r.set(ctrlField{name: "priority", number: true}, args[4])
	}
	return err
}

func fillTexts(subject string) func(r ctrlRequest, args []string) error {
	return func(r ctrlRequest, args []string) error {
		if len(args) < 3 {
			return errCtrlUsage
		}
		r[subject] = args[0]
		value := strings.Join(args[2:], " ")
		switch field := strings.ToLower(args[1]); {
		case field == "textname", field == "textdescription":
			r[field] = value
		case field == "allowwildcardsubs" && subject == "rolename" && (value == "true" || value == "false"):
			r[field] = value == "true"
		default:
			return errCtrlUsage
		}
		return nil
	}
}

// writeHelp lists the commands of a module.
func (m *ctrlModule) writeHelp(w io.Writer) {
	commands := m.commands
	if m.topic == dynsec.Topic {
		commands = slices.Concat(fileCommands, commands)
	}
	for _, c := range commands {
		line := strings.TrimSpace(c.name + " " + c.usage)
		if len(line) > 44 {
			say(w, "%s\n", line)
			line = ""
		}
		say(w, "%-44s  %s\n", line, c.help)
	}
}
