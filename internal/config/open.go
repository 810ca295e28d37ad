package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// open does what an Opening word asks for: it begins a listener, a bridge or a
// plugin, says where the default listener is, or reads other files.
func (p *parser) open(w *Word, rest string) *Problem {
	switch w.Name {
	case "include_dir":
		return p.include(w, rest)
	case "per_listener_settings":
		return p.perListener(w, rest)
	case "listener":
		return p.openListener(w, rest)
	case "port", "bind_address":
		return p.moveDefault(w, rest)
	case "connection":
		return p.openBridge(w, rest)
	default:
		return p.openPlugin(w, rest)
	}
}

func (p *parser) openListener(w *Word, rest string) *Problem {
	p.config.LocalOnly = false
	portText, address := split(rest)
	port, problem := parsePort(w, portText, address)
	if problem != nil {
		return problem
	}
	if problem := checkAddress(w, port, address); problem != nil {
		return problem
	}
	l := newListener(port)
	l.File, l.Line = p.file.name, p.file.line
	if port == 0 {
		l.SocketPath = address
	} else {
		l.Address = address
	}
	p.file.listener = l
	p.config.Listeners = append(p.config.Listeners, l)
	return nil
}

func parsePort(w *Word, text, address string) (int, *Problem) {
	n, ok := parseInt(text)
	switch {
	case !ok:
		return 0, &Problem{Text: fmt.Sprintf("'%s' value not a number.", w.Name), Remedy: fmt.Sprintf("Write a port such as 1883 instead of '%s'.", clean(text))}
	case n == 0 && w.Name == "listener" && address == "":
		return 0, &Problem{Text: "A listener with port 0 must provide a Unix socket path.", Remedy: "Write it as in 'listener 0 /run/mosquitto/mqtt.sock'."}
	case n == 0 && w.Name == "listener":
		return 0, nil
	case n < 1 || n > 65535:
		return 0, &Problem{Text: fmt.Sprintf("Invalid '%s' value (%d).", w.Name, n), Remedy: "A port is between 1 and 65535."}
	}
	return int(n), nil
}

// checkAddress refuses what cannot be a host, or with port 0 a path.
func checkAddress(w *Word, port int, address string) *Problem {
	switch {
	case !validText(address):
		return w.notText()
	case port != 0 && strings.HasPrefix(address, "#"):
		return w.invalid(address, "A comment is a line of its own, with # in the first column.")
	case port != 0 && strings.ContainsAny(address, blanks+"/#"):
		return w.invalid(address, "It is an IP address or the name of a host.")
	}
	return nil
}

// moveDefault says where the default listener is.
func (p *parser) moveDefault(w *Word, rest string) *Problem {
	p.config.LocalOnly = false
	if w.Name == "port" {
		text, _ := split(rest)
		port, problem := parsePort(w, text, "")
		if problem != nil {
			return problem
		}
		p.useDefault().Port = port
	} else {
		if before, again := p.given[given{w, nil}]; again {
			return p.duplicate(w, before)
		}
		p.given[given{w, nil}] = p.here()
		if problem := checkAddress(w, DefaultPort, rest); problem != nil {
			return problem
		}
		p.useDefault().Address = rest
	}
	p.createdBy = ""
	if p.file.listener == nil {
		p.file.listener = p.defaultListener
	}
	return nil
}

// useDefault returns the default listener, which there is from then on.
func (p *parser) useDefault() *Listener {
	if p.defaultListener == nil {
		p.defaultListener = newListener(DefaultPort)
		p.defaultListener.File, p.defaultListener.Line = p.file.name, p.file.line
		p.config.Listeners = append(p.config.Listeners, p.defaultListener)
	}
	return p.defaultListener
}

// perListener reads per_listener_settings, which has to come before what it is
// about.
func (p *parser) perListener(w *Word, rest string) *Problem {
	var on bool
	if problem := w.setBool(&on, firstToken(rest)); problem != nil {
		return problem
	}
	if on && p.file.security && !p.config.PerListenerSettings {
		return &Problem{
			Text:   "per_listener_settings must be set before any other security settings.",
			Remedy: "Move the line to the beginning of the file.",
		}
	}
	p.config.PerListenerSettings = p.config.PerListenerSettings || on
	return nil
}

func (p *parser) openBridge(w *Word, rest string) *Problem {
	if !validText(rest) {
		return w.notText()
	}
	p.file.bridge = newBridge(rest)
	p.file.bridge.File, p.file.bridge.Line = p.file.name, p.file.line
	for _, other := range p.config.Bridges {
		if other.Name == rest {
			return p.duplicate(w, place{other.File, other.Line})
		}
	}
	p.config.Bridges = append(p.config.Bridges, p.file.bridge)
	return nil
}

func (p *parser) openPlugin(w *Word, rest string) *Problem {
	if !validText(rest) {
		return w.notText()
	}
	if w.Name == "plugin_use" {
		return p.usePlugin(rest)
	}
	plugin := &Plugin{Path: rest, File: p.file.name, Line: p.file.line}
	setDefaults(target{plugin: plugin}, PerPlugin)
	c := p.config
	switch w.Name {
	case "global_plugin":
		c.GlobalPlugins = append(c.GlobalPlugins, plugin)
	case "plugin_load":
		if plugin.Name, plugin.Path = split(rest); plugin.Path == "" {
			return w.invalid(rest, "Give a name and a path.")
		}
		for _, other := range c.LoadedPlugins {
			if other.Name == plugin.Name {
				return p.duplicate(w, place{other.File, other.Line})
			}
		}
		c.LoadedPlugins = append(c.LoadedPlugins, plugin)
	default:
		p.file.security = true
		security := &c.Security
		if c.PerListenerSettings {
			security = &p.listener(w.Name).Security
		}
		security.Plugins = append(security.Plugins, plugin)
	}
	p.file.plugin = plugin
	p.report(unknownPlugin(w, plugin))
	return nil
}

// usePlugin attaches a plugin that plugin_load has named.
func (p *parser) usePlugin(name string) *Problem {
	l := p.file.listener
	if l == nil {
		return p.missing("plugin_use", "a listener", "listener 1883", len(p.config.Listeners) > 0)
	}
	if !slices.ContainsFunc(p.config.LoadedPlugins, func(plugin *Plugin) bool { return plugin.Name == name }) {
		return &Problem{
			Text:   fmt.Sprintf("Invalid 'plugin_use' value (%s).", clean(name)),
			Remedy: fmt.Sprintf("Nothing has that name: write 'plugin_load %s PATH' above.", clean(name)),
		}
	}
	l.UsePlugins = append(l.UsePlugins, name)
	return nil
}

// addOption gives a plugin an option.
func addOption(w *Word, plugin *Plugin, name, rest string) *Problem {
	key := name
	for _, prefix := range families {
		key = strings.TrimPrefix(key, prefix)
	}
	switch {
	case key == "":
		return &Problem{Text: fmt.Sprintf("Invalid '%s' config option.", name), Remedy: fmt.Sprintf("The name of an option follows: '%sNAME VALUE'.", name)}
	case rest == "":
		return &Problem{Text: fmt.Sprintf("Empty '%s' value in configuration.", name), Remedy: "Give it a value, or remove the line."}
	case !validText(key) || !validText(rest):
		return w.notText()
	}
	plugin.Options = append(plugin.Options, PluginOption{key, rest})
	return nil
}

// include reads the files of a directory, in the place of the line.
func (p *parser) include(w *Word, dir string) *Problem {
	if p.file.included {
		return &Problem{
			Class: Pointless, Word: w.Name, Text: "'include_dir' has no effect in a file that is included itself",
			Remedy: "Write it into the file that includes this one.",
		}
	}
	if p.file.environ || p.source.List == nil {
		return &Problem{Text: "'include_dir' is for files only.", Remedy: "Name the directory in a file, and the file with -c."}
	}
	names, err := p.source.List(dir)
	if err != nil {
		return &Problem{Text: fmt.Sprintf("Unable to open include_dir '%s'.", clean(dir)), Remedy: err.Error()}
	}
	slices.SortFunc(names, includeOrder)
	for _, name := range names {
		if !strings.HasSuffix(name, ".conf") {
			continue
		}
		full := p.source.Join(dir, name)
		text, err := p.source.Read(full)
		if err != nil {
			p.report(unreadable(full, err))
			continue
		}
		p.parse(full, text)
	}
	return nil
}

// includeOrder is that of the files of a directory: regardless of case and, of
// the same letter, the capital first.
func includeOrder(a, b string) int {
	for i := range min(len(a), len(b)) {
		if d := cmp.Or(cmp.Compare(upper(a[i]), upper(b[i])), cmp.Compare(a[i], b[i])); d != 0 {
			return d
		}
	}
	return cmp.Compare(len(a), len(b))
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
