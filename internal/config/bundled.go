package config

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// bundled are the plugins of Mosquitto that are built in, by the names of their
// files, and the option of each that names the file it must have. The first two
// are the same as words.
var bundled = map[string]string{
	"mosquitto_password_file.so":    "password_file",
	"mosquitto_acl_file.so":         "acl_file",
	"mosquitto_dynamic_security.so": dynamicOption,
	databasePlugin:                  "",
}

const (
	dynamicOption  = "config_file"
	databasePlugin = "mosquitto_persist_sqlite.so"
)

// fileName is the last part of the path of a plugin, which knows it anywhere.
func (p *Plugin) fileName() string { return p.Path[strings.LastIndexByte(p.Path, '/')+1:] }

// unknownPlugin is the problem of a plugin that is not built in.
func unknownPlugin(w *Word, p *Plugin) *Problem {
	if _, known := bundled[p.fileName()]; known {
		return nil
	}
	problem := &Problem{Class: Refusal, Word: w.Name, Text: fmt.Sprintf("The plugin '%s' is not supported.", clean(p.Path))}
	switch p.fileName() {
	case "mosquitto_sparkplug_aware.so":
		problem.Text = "The plugin 'mosquitto_sparkplug_aware.so' is not supported yet."
		problem.Remedy = "The broker runs without the line, and then serves Sparkplug like any other messages."
	default:
		problem.Remedy = "This program runs no plugins in C; those of Mosquitto for password files, access rules and dynamic security are built in. Without the line the broker would not do what it asks for."
	}
	return problem
}

// checkPlugin is the problem of a plugin that lacks the file it is about.
func checkPlugin(p *Plugin) *Problem {
	option := bundled[p.fileName()]
	if option == "" || p.Option(option) != "" {
		return nil
	}
	return &Problem{
		Word: "plugin", Text: fmt.Sprintf("The plugin '%s' requires plugin_opt_%s.", p.fileName(), option),
		Remedy: fmt.Sprintf("Write 'plugin_opt_%s PATH' below it.", option),
	}
}

// A SecurityFile is a file of users or of rights that a configuration names.
type SecurityFile struct {
	Path string
	// InitFile is what one of dynamic security begins with if there is none: a
	// file with the password of the first client; empty: one is made up.
	InitFile string
	word     string
	at       place
}

// Problem is what is wrong with the file as a whole: that of the line which
// names it.
func (f *SecurityFile) Problem(text, remedy string) *Problem {
	p := &Problem{Class: Wrong, File: f.at.file, Line: f.at.line, Word: f.word, Text: text, Remedy: remedy}
	if f.at.file == environment {
		p.Word = variableOf(f.word)
	}
	return p
}

// PasswordFilesOn are the files of the users who may connect by l: those of
// plugins first, in their order.
func (c *Config) PasswordFilesOn(l *Listener) []SecurityFile {
	return c.securityFiles(l, "password_file", c.SecurityOn(l).PasswordFile)
}

// ACLFileOn is the file of what the clients of l may do; nil: there is none.
func (c *Config) ACLFileOn(l *Listener) *SecurityFile {
	if files := c.securityFiles(l, "acl_file", c.SecurityOn(l).ACLFile); len(files) > 0 {
		return &files[0]
	}
	return nil
}

// DynamicFileOn is the file of the clients, groups and roles of l; nil: there is
// none.
func (c *Config) DynamicFileOn(l *Listener) *SecurityFile {
	for _, p := range c.pluginsOn(l) {
		if file := p.Option(dynamicOption); bundled[p.fileName()] == dynamicOption && file != "" {
			return &SecurityFile{file, p.Option("password_init_file"), "plugin_opt_" + dynamicOption, place{p.File, p.Line}}
		}
	}
	return nil
}

// DatabaseFile is where Mosquitto's plugin for SQLite keeps its state; empty: the
// configuration does not have the plugin. Here the store does its work.
func (c *Config) DatabaseFile() string {
	for _, p := range c.plugins() {
		if p.fileName() == databasePlugin {
			return cmp.Or(p.Option("db_file"), path.Join(c.PersistenceLocation, "mosquitto.sqlite3"))
		}
	}
	return ""
}

// settleDatabase has the state kept if the plugin for SQLite is to keep it: by its
// database, if nothing says where.
func (c *Config) settleDatabase() {
	file := c.DatabaseFile()
	if file == "" {
		return
	}
	c.Persistence = true
	if dir := path.Dir(file); c.PersistenceLocation == "" && dir != "." {
		c.PersistenceLocation = dir
	}
}

// checkDynamic is the problem of several files of dynamic security: commands
// could not say which they are for.
func (c *Config) checkDynamic() *Problem {
	var first *SecurityFile
	for _, l := range c.Listeners {
		switch f := c.DynamicFileOn(l); {
		case f == nil:
		case first == nil:
			first = f
		case f.Path != first.Path:
			return f.Problem(fmt.Sprintf("There are two files of dynamic security: '%s' and '%s'.", clean(first.Path), clean(f.Path)), "Use the same for all listeners.")
		}
	}
	return nil
}

// checkRights is the problem of a listener with several files of rules: what one
// denies, another could allow.
func (c *Config) checkRights(l *Listener) *Problem {
	files := c.securityFiles(l, "acl_file", c.SecurityOn(l).ACLFile)
	if len(files) < 2 {
		return nil
	}
	return files[1].Problem(fmt.Sprintf("There are two files of access rules for %v: '%s' and '%s'.", l, clean(files[0].Path), clean(files[1].Path)),
		"Write all rules into one of them.")
}

// securityFiles are the files of a word and of the plugins that do the same.
func (c *Config) securityFiles(l *Listener, word, file string) (all []SecurityFile) {
	add := func(f SecurityFile) {
		if f.Path != "" && !slices.ContainsFunc(all, func(other SecurityFile) bool { return other.Path == f.Path }) {
			all = append(all, f)
		}
	}
	for _, p := range c.pluginsOn(l) {
		if bundled[p.fileName()] == word {
			add(SecurityFile{p.Option(word), "", "plugin_opt_" + word, place{p.File, p.Line}})
		}
	}
	var owner any
	if c.PerListenerSettings {
		owner = &l.Security
	}
	add(SecurityFile{file, "", word, c.places[given{Find(word), owner}]})
	return all
}

// pluginsOn are the plugins that a listener has, in the order in which they are
// asked.
func (c *Config) pluginsOn(l *Listener) []*Plugin {
	all := slices.Concat(c.GlobalPlugins, c.SecurityOn(l).Plugins)
	for _, name := range l.UsePlugins {
		for _, p := range c.LoadedPlugins {
			if p.Name == name {
				all = append(all, p)
			}
		}
	}
	return all
}
