package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errDeclined says that the user does not want it.
var errDeclined = errors.New("declined")

// ended is the status of a command that may have asked, and says how it ended;
// declined is for a user who did not want it.
func ended(env Env, err error, declined string) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		return statusInterrupted
	case errors.Is(err, errDeclined):
		say(env.Stdout, "%s\n", declined)
	default:
		say(env.Stderr, "Error: %s.\n", capital(strings.TrimSuffix(err.Error(), ".")))
	}
	return statusError
}

// ask asks what the command line does not say.
func (r *initRun) ask(ctx context.Context, userGiven bool) error {
	lines := bufio.NewReader(r.env.Stdin)
	question := func(text string) (string, error) { return askLine(ctx, r.env.Stdout, lines, text) }
	where := r.confDir
	if r.stateDir != r.confDir {
		where += " and " + r.stateDir
	}
	say(r.env.Stdout, "This sets up a broker for your network, in %s.\nWhat exists is kept. Enter takes what stands in [brackets].\n\n", where)
	if !userGiven {
		err := askFor(r.env.Stdout, question, fmt.Sprintf("Name of the first user, who may do everything [%s]: ", r.user), "", func(answer string) error {
			if answer == "" {
				return nil
			}
			err := checkInitUser(answer)
			if err == nil {
				r.user = answer
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if r.names == nil {
		const lead = "Clients know it by "
		known := strings.Join(r.machine.Names(), ", ")
		say(r.env.Stdout, "\n%s%s\n", lead, fold(known, columns(r.env.Stdout)-len(lead), strings.Repeat(" ", len(lead))))
		answer, err := question("Further names or addresses, such as one of the DNS [none]: ")
		if err != nil {
			return err
		}
		r.names = strings.FieldsFunc(answer, func(c rune) bool { return c == ' ' || c == ',' })
	}
	if !r.plain {
		yes, err := askYes(question, fmt.Sprintf("\nMay devices without TLS connect from the network, too, on port %d?\nTheir passwords and messages can be read on the way. [y/N]: ", r.port), "n")
		if err != nil {
			return err
		}
		r.plain = yes
	}
	yes, err := askYes(question, "\nMake it? [Y/n]: ", "y")
	if err == nil && !yes {
		err = errDeclined
	}
	say(r.env.Stdout, "\n")
	return err
}

// askFor asks until take takes the answer; Enter gives it what stands for it.
func askFor(w io.Writer, question func(string) (string, error), text, otherwise string, take func(answer string) error) error {
	for {
		answer, err := question(text)
		if err != nil {
			return err
		}
		if err = take(cmp.Or(answer, otherwise)); err == nil {
			return nil
		}
		say(w, "  %s.\n", capital(strings.TrimSuffix(err.Error(), ".")))
	}
}

// askYes asks for yes or no.
func askYes(question func(string) (string, error), text, otherwise string) (bool, error) {
	for {
		answer, err := question(text)
		if err != nil {
			return false, err
		}
		if answer == "" {
			answer = otherwise
		}
		switch strings.ToLower(answer) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		text = "Please say y or n: "
	}
}

// askLine asks a question, and returns the line that is typed. When the user
// gives up, the goroutine that reads ends with the process.
func askLine(ctx context.Context, w io.Writer, lines *bufio.Reader, text string) (string, error) {
	type answer struct {
		line string
		err  error
	}
	say(w, "%s", text)
	answers := make(chan answer, 1)
	go func() {
		line, err := lines.ReadString('\n')
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil { // the end of input is an answer, too
			say(w, "\n")
			return "", errDeclined
		}
		return strings.TrimSpace(a.line), nil
	case <-ctx.Done():
		say(w, "\n")
		return "", ctx.Err()
	}
}
