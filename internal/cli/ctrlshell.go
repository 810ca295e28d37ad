package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/zancudomq/zancudo/internal/flags"
)

// shellWords are the commands of the shell itself.
var shellWords = []string{"auth", "connect", "dynsec", "broker", "return", "help", "exit"}

const shellHelp = `dynsec               clients, groups and roles
broker               listeners and plugins
return               back from there
auth [USER]          be this user; the password is asked for
connect [URL]        connect now, to another broker: mqtt[s]://host[:port]
help                 the commands of where you are
exit                 the end
`

// shell is where commands are asked for, one a line.
type shell struct {
	*controller
	module string // in which commands are; empty: none
}

// shell asks for commands until there are no more.
func (c *controller) shell(ctx context.Context) int {
	s := &shell{controller: c}
	lines, restore := s.open(ctx)
	defer restore()
	for {
		line, err := lines(s.prompt())
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return c.fail(err)
		case err != nil || ctx.Err() != nil, !s.obey(ctx, strings.Fields(line)):
			return 0
		}
	}
}

func (s *shell) prompt() string {
	if s.module == "" {
		return "> "
	}
	return s.module + "> "
}

// open returns what reads a line after a prompt: with history and completion at
// a terminal, otherwise without a word.
func (s *shell) open(ctx context.Context) (lines func(prompt string) (string, error), restore func()) {
	stdin, isFile := s.env.Stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(stdin.Fd())) || !isTerminal(s.env.Stdout) {
		scanner := bufio.NewScanner(s.env.Stdin)
		return func(string) (string, error) {
			if !scanner.Scan() {
				return "", errors.Join(scanner.Err(), io.EOF)
			}
			return scanner.Text(), nil
		}, func() {}
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{stdin, s.env.Stdout}, "")
	t.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
		if key != '\t' || pos != len(line) {
			return "", 0, false
		}
		completed := s.completed(line)
		return completed, len(completed), true
	}
	say(s.env.Stdout, "Commands of a broker. 'help' lists them, Tab completes them.\n")
	return func(prompt string) (string, error) {
		before, err := term.MakeRaw(int(stdin.Fd()))
		if err != nil {
			return "", err
		}
		defer func() { _ = term.Restore(int(stdin.Fd()), before) }() // nothing more can be done for it
		defer context.AfterFunc(ctx, func() { _ = term.Restore(int(stdin.Fd()), before) })()
		t.SetPrompt(prompt)
		return t.ReadLine()
	}, func() {}
}

// words are the commands of where the shell is.
func (s *shell) words() (names []string) {
	for _, m := range ctrlModules() {
		if m.name == s.module {
			for _, c := range m.commands {
				names = append(names, c.name)
			}
			return append(names, "return", "help", "exit")
		}
	}
	return shellWords
}

// completed is a line with its first word as long as only one command can be meant.
func (s *shell) completed(line string) string {
	if strings.ContainsRune(line, ' ') {
		return line
	}
	var common string
	matches := 0
	for _, name := range s.words() {
		if len(name) < len(line) || !strings.EqualFold(name[:len(line)], line) {
			continue
		}
		if matches++; matches == 1 {
			common = name
			continue
		}
		n := 0
		for n < len(common) && n < len(name) && common[n] == name[n] {
			n++
		}
		common = common[:n]
	}
	switch {
	case matches == 1:
		return common + " "
	case len(common) > len(line):
		return common
	default:
		return line
	}
}

// obey does one line. It returns false when it is the last.
func (s *shell) obey(ctx context.Context, words []string) bool {
	if len(words) == 0 {
		return true
	}
	switch word := strings.ToLower(words[0]); {
	case word == "exit" || word == "quit":
		return false
	case word == "return":
		s.module = ""
	case word == "help" && s.module == "":
		say(s.env.Stdout, "%s", shellHelp)
	case s.module != "":
		s.run(ctx, slices.Concat([]string{s.module}, words))
	case word == "auth":
		s.login(ctx, words[1:])
	case word == "connect":
		s.connectTo(ctx, words[1:])
	case (word == "dynsec" || word == "broker") && len(words) == 1:
		s.module = word
	case word == "dynsec" || word == "broker":
		s.run(ctx, words)
	default:
		meant := ""
		if nearest := flags.Nearest(word, shellWords); nearest != "" {
			meant = ", did you mean '" + nearest + "'?"
		}
		say(s.env.Stderr, "Command '%s' not recognised%s\n", words[0], meant)
	}
	return true
}

// login is another user from the next connection on.
func (s *shell) login(ctx context.Context, args []string) {
	user := ""
	if len(args) > 0 {
		user = args[0]
	}
	secret, err := s.secret(ctx, "Password: ")
	if err != nil {
		say(s.env.Stderr, "Error: %s.\n", capital(err.Error()))
		return
	}
	s.close()
	s.client = nil
	k := &s.options.Connect
	k.Username, k.HasUsername = user, user != ""
	k.Password, k.HasPassword = []byte(secret), true
}

// connectTo connects, perhaps to another broker.
func (s *shell) connectTo(ctx context.Context, args []string) {
	if len(args) > 0 {
		url := args[0]
		if !strings.Contains(url, "://") {
			url = "mqtt://" + url
		}
		if err := s.setURL(strings.TrimSuffix(url, "/") + "/"); err != nil {
			say(s.env.Stderr, "Error: %v\n", err)
			return
		}
		where, err := s.dial()
		if err == nil {
			s.options.Dial, err = s.dialer(where)
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
	s.close()
	s.client = nil
	m, _, _ := findCtrl("dynsec", "")
	if err := s.controller.open(ctx, m); err != nil {
		s.fail(err)
		return
	}
	say(s.env.Stdout, "Connected to %s.\n", s.host)
}

// secret asks for a password: at a terminal, which does not show it; otherwise it
// is the next line.
func (c *controller) secret(ctx context.Context, question string) (string, error) {
	stdin, isFile := c.env.Stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(stdin.Fd())) {
		secret, err := readPassword(c.env.Stdin)
		return string(secret), err
	}
	secret, err := (&passwdRun{env: c.env}).question(ctx, question, int(stdin.Fd()))
	return string(secret), err
}

// newSecret asks twice for the new password of a user.
func (c *controller) newSecret(ctx context.Context, user string) (string, error) {
	stdin, isFile := c.env.Stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(stdin.Fd())) {
		return c.secret(ctx, "")
	}
	say(c.env.Stderr, "New password for %s.\n", user)
	secret, err := (&passwdRun{env: c.env}).ask(ctx, int(stdin.Fd()))
	return string(secret), err
}
