package cli

import (
	"github.com/zancudomq/zancudo/internal/config"
)

// helpConfig explains a word of the configuration, or lists all.
func helpConfig(env Env, name string) int {
	if name == "" {
		say(env.Stdout, "%s\n", "The words of the configuration. 'zancudo help config max_qos' explains one.")
		for _, s := range config.Sections() {
			say(env.Stdout, "\n%s:\n", s.Title)
			for i := range s.Words {
				say(env.Stdout, "  %s\n", s.Words[i].Syntax())
			}
		}
		return 0
	}
	w := config.Find(name)
	if w == nil {
		if near := config.Suggest(name); near != "" {
			w = config.Find(near)
			say(env.Stdout, "There is no word '%s'; this is the one most like it.\n\n", name)
		}
	}
	if w == nil {
		say(env.Stderr, "Error: There is no word '%s', nor one like it; 'zancudo help config' lists them.\n", name)
		return usageStatus
	}
	return written(env, w.WriteHelp(env.Stdout))
}
