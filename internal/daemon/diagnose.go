package daemon

import (
	"errors"
	"io/fs"
	"os"

	"github.com/zancudomq/zancudo/internal/config"
)

// Diagnose reads a configuration as Load does and returns all there is to say
// about it, in order. What could not be served is among the problems.
func Diagnose(name string, environ []string) (*config.Config, config.Problems) {
	c, err := Load(name, environ)
	problems := problemsOf(err)
	if err == nil {
		problems = append(problems, problemsOf(Check(c))...)
		problems = append(problems, config.Lint(c, config.Facts{Stat: stat})...)
	} else {
		problems = append(problems, c.Refusals...)
	}
	problems = append(problems, c.Warnings...)
	problems.Sort()
	return c, problems
}

// problemsOf takes apart what Load and Check return.
func problemsOf(err error) config.Problems {
	var one *config.Problem
	var many config.Problems
	switch {
	case errors.As(err, &one):
		return config.Problems{one}
	case errors.As(err, &many):
		return many
	default:
		return nil
	}
}

// stat tells of a file that a configuration names.
func stat(name string) (config.FileFact, bool) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return config.FileFact{Missing: true}, true
	case err != nil:
		return config.FileFact{}, false
	}
	return config.FileFact{Mode: uint32(info.Mode().Perm()), Owner: owner(info)}, true
}
