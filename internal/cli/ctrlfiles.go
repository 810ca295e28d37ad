package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	aclfile "github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/internal/atomicfile"
	"github.com/zancudomq/zancudo/internal/dynsec"
	"github.com/zancudomq/zancudo/internal/password"
)

// fileCommands are those of dynsec that ask no broker: they make files, and
// never write over one.
var fileCommands = []ctrlCommand{
	{name: "init", usage: "FILE USER [PASSWORD]", help: "begin a file; the password is asked for"},
	{name: "fromFiles", usage: "FILE PASSWORDFILE [ACLFILE]", help: "make a file of users and access rules"},
	{name: "toFiles", usage: "FILE PASSWORDFILE ACLFILE", help: "make users and access rules of a file"},
}

// fromFiles makes a file of dynamic security of a password file and access rules.
func (c *controller) fromFiles(args []string) int {
	if len(args) != 2 && len(args) != 3 {
		return c.wrongUse(&fileCommands[1])
	}
	text, notes, err := convertFiles(args[1:])
	if err == nil {
		err = create(args[0], text)
	}
	return c.converted(notes, err)
}

func convertFiles(names []string) (text []byte, notes []string, err error) {
	file, err := password.Read(names[0], password.Options{})
	if err != nil {
		return nil, nil, err
	}
	users, err := file.Users()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", names[0], err)
	}
	var rules *aclfile.Rules
	if len(names) > 1 {
		text, err := os.ReadFile(names[1])
		if err != nil {
			return nil, nil, fmt.Errorf("unable to read %s: %s", names[1], errnoText(err))
		}
		if rules, err = aclfile.Parse(names[1], text); err != nil {
			return nil, nil, err
		}
	}
	return dynsec.FromFiles(users, rules)
}

// toFiles makes a password file and access rules of a file of dynamic security.
func (c *controller) toFiles(args []string) int {
	if len(args) != 3 {
		return c.wrongUse(&fileCommands[2])
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return c.converted(nil, fmt.Errorf("unable to read %s: %s", args[0], errnoText(err)))
	}
	passwords, rules, notes, err := dynsec.ToFiles(text)
	if err != nil {
		return c.converted(nil, fmt.Errorf("%s is no file of dynamic security: %w", args[0], err))
	}
	if err = create(args[1], passwords); err == nil {
		err = create(args[2], rules)
	}
	return c.converted(notes, err)
}

// converted says what is otherwise now, or why nothing was made.
func (c *controller) converted(notes []string, err error) int {
	if err != nil {
		say(c.env.Stderr, "Error: %s.\n", capital(err.Error()))
		return statusError
	}
	for _, note := range notes {
		say(c.env.Stderr, "Note: %s\n", note)
	}
	return 0
}

func (c *controller) wrongUse(command *ctrlCommand) int {
	say(c.env.Stderr, "Error: %v It is: dynsec %s %s\n", errCtrlUsage, command.name, command.usage)
	return usageStatus
}

// create writes a file that is not there yet.
func create(path string, text []byte) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the file '%s' already exists, and stays as it is: name another one", path)
	}
	return atomicfile.Write(path, text, atomicfile.Options{Inherit: true})
}
