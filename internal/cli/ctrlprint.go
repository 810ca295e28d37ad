package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// What is printed of answers, as mosquitto_ctrl does.

// ctrlEntry is a client, a group or a role, as an answer describes it.
type ctrlEntry struct {
	Username    string    `json:"username"`
	Group       string    `json:"groupname"`
	Role        string    `json:"rolename"`
	ClientID    string    `json:"clientid"`
	Name        string    `json:"textname"`
	Description string    `json:"textdescription"`
	Disabled    bool      `json:"disabled"`
	Wildcards   *bool     `json:"allowwildcardsubs"`
	ACLs        []ctrlACL `json:"acls"`
	Roles       []ctrlRef `json:"roles"`
	Groups      []ctrlRef `json:"groups"`
	Clients     []ctrlRef `json:"clients"`
	Connections []struct {
		Address string `json:"address"`
	} `json:"connections"`
}

// ctrlRef is something that has been attached, with its priority.
type ctrlRef struct {
	Role     string `json:"rolename"`
	Group    string `json:"groupname"`
	Client   string `json:"username"`
	Priority *int   `json:"priority"`
}

// ctrlACL is a rule of a role, or a default.
type ctrlACL struct {
	Kind     string `json:"acltype"`
	Topic    string `json:"topic"`
	Priority int    `json:"priority"`
	Allow    bool   `json:"allow"`
}

func (a ctrlACL) verdict() string {
	if a.Allow {
		return "allow"
	}
	return "deny"
}

func (r ctrlRef) String() string {
	priority := -1
	if r.Priority != nil {
		priority = *r.Priority
	}
	if r.Client != "" {
		return r.Client
	}
	return fmt.Sprintf("%s (priority: %d)", r.Role+r.Group, priority)
}

// printFields prints names with their values, which begin in the same column.
// Values are strings and lists of refs; what is empty is left out.
func printFields(w io.Writer, fields ...any) {
	width := 0
	for i := 0; i < len(fields); i += 2 {
		if len(linesOf(fields[i+1])) > 0 {
			width = max(width, len(fields[i].(string))+1)
		}
	}
	for i := 0; i < len(fields); i += 2 {
		label := fields[i].(string) + ":"
		for _, line := range linesOf(fields[i+1]) {
			say(w, "%s\n", strings.TrimRight(fmt.Sprintf("%-*s %s", width, label, line), " "))
			label = ""
		}
	}
}

func linesOf(value any) (lines []string) {
	switch v := value.(type) {
	case string:
		if v != "" {
			lines = []string{v}
		}
	case []ctrlRef:
		for _, r := range v {
			lines = append(lines, r.String())
		}
	case []string:
		lines = v
	}
	return lines
}

func printDefaults(w io.Writer, data json.RawMessage) error {
	var d struct {
		ACLs []ctrlACL `json:"acls"`
	}
	err := json.Unmarshal(data, &d)
	for _, a := range d.ACLs {
		say(w, "%-20s : %s\n", a.Kind, a.verdict())
	}
	return err
}

func printAnonymous(w io.Writer, data json.RawMessage) error {
	var d struct {
		Group ctrlEntry `json:"group"`
	}
	err := json.Unmarshal(data, &d)
	say(w, "%s\n", d.Group.Group)
	return err
}

func printDetails(w io.Writer, data json.RawMessage) error {
	var d struct {
		Clients int   `json:"clientCount"`
		Groups  int   `json:"groupCount"`
		Roles   int   `json:"roleCount"`
		Changes int64 `json:"changeIndex"`
	}
	err := json.Unmarshal(data, &d)
	printFields(w, "Clients", strconv.Itoa(d.Clients), "Groups", strconv.Itoa(d.Groups), "Roles", strconv.Itoa(d.Roles), "Change index", strconv.FormatInt(d.Changes, 10))
	return err
}

// printEntry prints the one client, group or role of an answer: what it has none
// of is left out.
func printEntry(w io.Writer, data json.RawMessage) error {
	var d map[string]ctrlEntry
	err := json.Unmarshal(data, &d)
	for of, e := range d {
		var clientID, connections, rules []string
		disabled, wildcards := "", ""
		if of == "client" {
			clientID = []string{e.ClientID} // told though it is empty: any will do
		}
		if e.Disabled {
			disabled = "true"
		}
		if e.Wildcards != nil && !*e.Wildcards {
			wildcards = "false"
		}
		for _, c := range e.Connections {
			connections = append(connections, c.Address)
		}
		for _, a := range e.ACLs {
			rules = append(rules, fmt.Sprintf("%-20s : %-5s : %s (priority: %d)", a.Kind, a.verdict(), a.Topic, a.Priority))
		}
		printFields(w, "Username", e.Username, "Groupname", e.Group, "Rolename", e.Role, "Clientid", clientID, "Text name", e.Name,
			"Text description", e.Description, "Disabled", disabled, "Allow wildcard subscriptions", wildcards,
			"Roles", e.Roles, "Groups", e.Groups, "Clients", e.Clients, "ACLs", rules, "Connections", connections)
	}
	return err
}

func printList(of string) func(w io.Writer, data json.RawMessage) error {
	return func(w io.Writer, data json.RawMessage) error {
		var d map[string]json.RawMessage
		var names []string
		err := json.Unmarshal(data, &d)
		if err == nil {
			err = json.Unmarshal(d[of], &names)
		}
		for _, name := range names {
			say(w, "%s\n", name)
		}
		return err
	}
}

func printListeners(w io.Writer, data json.RawMessage) error {
	var d struct {
		Listeners []struct {
			Port     int    `json:"port"`
			Protocol string `json:"protocol"`
			Address  string `json:"bind-address"`
			Path     string `json:"socket-path"`
			TLS      bool   `json:"tls"`
		} `json:"listeners"`
	}
	err := json.Unmarshal(data, &d)
	for i, l := range d.Listeners {
		port := ""
		if l.Port != 0 {
			port = strconv.Itoa(l.Port)
		}
		say(w, "Listener %d:\n", i+1)
		printFields(w, "  Port", port, "  Protocol", l.Protocol, "  Socket path", l.Path, "  Bind address", l.Address, "  TLS", strconv.FormatBool(l.TLS))
	}
	return err
}

func printPlugins(w io.Writer, data json.RawMessage) error {
	var d struct {
		Plugins []struct {
			Name      string   `json:"name"`
			Version   string   `json:"version"`
			Endpoints []string `json:"control-endpoints"`
		} `json:"plugins"`
	}
	err := json.Unmarshal(data, &d)
	for _, p := range d.Plugins {
		printFields(w, "Plugin", p.Name, "Version", p.Version, "Control endpoints", strings.Join(p.Endpoints, " "))
	}
	return err
}
