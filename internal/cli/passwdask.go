package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/zancudomq/zancudo/internal/password"
	"golang.org/x/term"
)

// password takes the password from where it is to come from. With another exit
// status than 0 there is none.
func (p *passwdRun) password(ctx context.Context) ([]byte, int) {
	if !p.create {
		if _, err := password.Read(p.file, p.files); err != nil { // before somebody types in vain
			return nil, p.failed(err)
		}
	}
	var (
		secret []byte
		err    error
	)
	stdin, isFile := p.env.Stdin.(*os.File)
	switch {
	case p.batch:
		secret = []byte(p.args[2])
	case isFile && term.IsTerminal(int(stdin.Fd())):
		secret, err = p.ask(ctx, int(stdin.Fd()))
	default:
		secret, err = readPassword(p.env.Stdin)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return nil, statusInterrupted
	case errors.Is(err, errMismatch):
		say(p.env.Stderr, "Error: Passwords do not match.\n")
		return nil, statusProtocol // so Mosquitto has it
	case err != nil:
		say(p.env.Stderr, "Error: Unable to read the password: %v.\n", err)
		return nil, statusError
	case len(secret) == 0 && !p.batch:
		say(p.env.Stderr, "Error: Empty password.\n")
		return nil, statusError
	case len(secret) > maxPassword:
		say(p.env.Stderr, "Error: Password must be less than 65536 characters long.\n")
		return nil, statusError
	}
	return secret, 0
}

// maxPassword is the longest password that MQTT can carry, in bytes.
const maxPassword = 65535

var errMismatch = errors.New("the passwords are not the same")

// readPassword reads the first line. A second one, which scripts write that were
// made for two questions, must be the same.
func readPassword(r io.Reader) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	lines := bufio.NewReader(io.LimitReader(r, 2*(maxPassword+2)))
	first, err := lines.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	second, err := lines.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	first, second = bytes.TrimRight(first, "\r\n"), bytes.TrimRight(second, "\r\n")
	if len(second) > 0 && !bytes.Equal(first, second) {
		return nil, errMismatch
	}
	return first, nil
}

// ask asks twice at a terminal, which shows nothing meanwhile. The questions go
// to standard error, since standard output may be the file.
func (p *passwdRun) ask(ctx context.Context, terminal int) ([]byte, error) {
	first, err := p.question(ctx, "Password: ", terminal)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	second, err := p.question(ctx, "Reenter password: ", terminal)
	if err == nil && !bytes.Equal(first, second) {
		err = errMismatch
	}
	return first, err
}

// question asks once. The terminal shows again what is typed when it returns,
// also when it returns because of a signal; the goroutine that reads then ends
// with the process.
func (p *passwdRun) question(ctx context.Context, text string, terminal int) ([]byte, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, err
	}
	type answer struct {
		secret []byte
		err    error
	}
	answers := make(chan answer, 1)
	say(p.env.Stderr, "%s", text)
	go func() {
		secret, err := term.ReadPassword(terminal)
		answers <- answer{secret, err}
	}()
	defer say(p.env.Stderr, "\n")
	select {
	case a := <-answers:
		if errors.Is(a.err, io.EOF) {
			a.err = nil
		}
		return a.secret, a.err
	case <-ctx.Done():
		_ = term.Restore(terminal, before) // nothing more can be done for it
		return nil, ctx.Err()
	}
}
