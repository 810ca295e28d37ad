package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// What is printed of answers, as mosquitto_ctrl does.

// ctrlRef is something that has been attached, with its priority.
type ctrlRef struct {
	Role, Group, Client string
	Priority            *int
}

// UnmarshalJSON takes the name, whatever it is of.
func (r *ctrlRef) UnmarshalJSON(b []byte) error {
	var o struct {
		Role     string `json:"rolename"`
		Group    string `json:"groupname"`
		Client   string `json:"username"`
		Priority *int   `json:"priority"`
	}
	err := json.Unmarshal(b, &o)
	r.Role, r.Group, r.Client, r.Priority = o.Role, o.Group, o.Client, o.Priority
	return err
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
		ACLs []struct {
			Kind  string `json:"acltype"`
			Allow bool   `json:"allow"`
		} `json:"acls"`
	}
	err := json.Unmarshal(data, &d)
	for _, a := range d.ACLs {
		say(w, "%-20s : %s\n", a.Kind, allowText(a.Allow))
	}
	return err
}

func allowText(allow bool) string {
	if allow {
		return "allow"
	}
	return "deny"
}

func printAnonymous(w io.Writer, data json.RawMessage) error {
	var d struct {
		Group struct {
			Name string `json:"groupname"`
		} `json:"group"`
	}
	err := json.Unmarshal(data, &d)
	say(w, "%s\n", d.Group.Name)
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

func printClient(w io.Writer, data json.RawMessage) error {
	var d struct {
		Client struct {
			Username    string    `json:"username"`
			ClientID    string    `json:"clientid"`
			Name        string    `json:"textname"`
			Description string    `json:"textdescription"`
			Disabled    bool      `json:"disabled"`
			Roles       []ctrlRef `json:"roles"`
			Groups      []ctrlRef `json:"groups"`
			Connections []struct {
				Address string `json:"address"`
			} `json:"connections"`
		} `json:"client"`
	}
	err := json.Unmarshal(data, &d)
	c := &d.Client
	disabled := ""
	if c.Disabled {
		disabled = "true"
	}
	var connections []string
	for _, one := range c.Connections {
		connections = append(connections, one.Address)
	}
	printFields(w, "Username", c.Username, "Clientid", []string{c.ClientID}, "Text name", c.Name, "Text description", c.Description, "Disabled", disabled,
		"Roles", c.Roles, "Groups", c.Groups, "Connections", connections)
	return err
}

func printGroup(w io.Writer, data json.RawMessage) error {
	var d struct {
		Group struct {
			Name        string    `json:"groupname"`
			TextName    string    `json:"textname"`
			Description string    `json:"textdescription"`
			Roles       []ctrlRef `json:"roles"`
			Clients     []ctrlRef `json:"clients"`
		} `json:"group"`
	}
	err := json.Unmarshal(data, &d)
	printFields(w, "Groupname", d.Group.Name, "Text name", d.Group.TextName, "Text description", d.Group.Description, "Roles", d.Group.Roles, "Clients", d.Group.Clients)
	return err
}

func printRole(w io.Writer, data json.RawMessage) error {
	var d struct {
		Role struct {
			Name        string `json:"rolename"`
			TextName    string `json:"textname"`
			Description string `json:"textdescription"`
			Wildcards   *bool  `json:"allowwildcardsubs"`
			ACLs        []struct {
				Kind     string `json:"acltype"`
				Topic    string `json:"topic"`
				Priority int    `json:"priority"`
				Allow    bool   `json:"allow"`
			} `json:"acls"`
		} `json:"role"`
	}
	err := json.Unmarshal(data, &d)
	r := &d.Role
	var rules []string
	for _, a := range r.ACLs {
		rules = append(rules, fmt.Sprintf("%-20s : %-5s : %s (priority: %d)", a.Kind, allowText(a.Allow), a.Topic, a.Priority))
	}
	wildcards := ""
	if r.Wildcards != nil && !*r.Wildcards {
		wildcards = "false"
	}
	printFields(w, "Rolename", r.Name, "Text name", r.TextName, "Text description", r.Description, "Allow wildcard subscriptions", wildcards, "ACLs", rules)
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
