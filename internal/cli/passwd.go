package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/password"
)

// passwdOptions are what the command line of passwd says.
type passwdOptions struct {
	batch, create, remove, upgrade bool

	hash       string
	iterations int
	args       []string
	file, user string
}

// passwdTable is the table of flags, bound to o.
func passwdTable(o *passwdOptions) *flags.Command {
	return &flags.Command{
		Name:    "passwd",
		Summary: "manage a password file",
		Usage: []string{
			"[-H hash] [-c | -D] file user",
			"[-H hash] [-c] -b file user password",
			"[-H hash] -U file",
		},
		Text: "Adds a user to a password file of the broker, gives a user another password, or takes a user away. " +
			"It asks twice for the password at a terminal, without showing it; otherwise it reads a line from standard input.\n\n" +
			"The new file takes the place of the old one at once, with its mode and owner: no broker reads half a file, " +
			"and whatever fails, the old file stays as it was. Comments and order are kept.",
		FlagsFirst: true,
		Args: []flags.Arg{
			{Name: "file", Help: "the password file; with -c, - stands for standard output", Set: flags.Append(&o.args), Optional: true, Completes: flags.File},
			{Name: "user", Help: "the user's name, without ':' and control characters", Set: flags.Append(&o.args), Optional: true},
			{Name: "password", Help: "the password, with -b only", Set: flags.Append(&o.args), Optional: true},
		},
		Groups: []flags.Group{{Flags: append([]flags.Flag{
			{Names: "-c", Help: "make a new file; one that exists is replaced", Set: flags.True(&o.create)},
			{Names: "-b", Help: "take the password from the command line, where other users of the machine can see it", Set: flags.True(&o.batch)},
			{Names: "-D", Help: "delete the user", Set: flags.True(&o.remove)},
			{Names: "-U", Help: "hash the passwords of a file that has them in plain text", Set: flags.True(&o.upgrade)},
			{
				Names: "-H", Value: "hash", Help: "how to hash (sha512-pbkdf2)", Choices: hashNames, Set: flags.Text(&o.hash),
				Invalid: "Unknown hash type '%s'", Missing: "-H argument given but not enough other arguments.",
				More: "argon2id is the safest; Mosquitto reads it from 2.1 on, and sha512-pbkdf2 from 2.0 on. sha512 is for older ones only. " +
					"With scram-sha-256, which Mosquitto does not know, clients can log in without sending the password, or by sending it.",
			},
			{
				Names: "-I", Value: "iterations", Help: "rounds of sha512-pbkdf2 (1000) or scram-sha-256 (15000)", Set: flags.Int(&o.iterations, 1, password.MaxIterations),
				Invalid: "Number of iterations must be > 0: %s", Missing: "-I argument given but not enough other arguments.",
			},
		}, standardFlags()...)}},
		Examples: []flags.Example{
			{Line: "zancudo passwd -c -H argon2id passwords alice", Text: "makes a file with one user and asks for her password"},
			{Line: "zancudo passwd passwords bob < secret.txt", Text: "adds a user whose password is the first line of a file"},
			{Line: "zancudo passwd -D passwords bob", Text: "deletes a user"},
		},
	}
}

// hashNames are the values of -H.
var hashNames = []string{"argon2id", "sha512-pbkdf2", "scram-sha-256", "sha512"}

var hashSchemes = map[string]password.Scheme{"argon2id": password.Argon2id, "sha512": password.SHA512, "scram-sha-256": password.SCRAMSHA256}

// passwd manages a password file, as mosquitto_passwd does.
func passwd(ctx context.Context, env Env, args []string) int {
	o := &passwdOptions{}
	table := passwdTable(o)
	if len(args) == 0 {
		_ = table.WriteHelp(env.Stdout, env.Program, version()) // the status says enough
		return statusError
	}
	err := table.Parse(args)
	if err == nil {
		err = o.check()
	}
	if status, done := parsed(env, table, err, statusError); done {
		return status
	}
	p := &passwdRun{passwdOptions: o, env: env}
	p.files.AllowSymlinks = env.Getenv != nil && env.Getenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS") != ""
	p.files.Interrupted = ctx.Err
	return p.run(ctx)
}

// check completes the options once all flags are known.
func (o *passwdOptions) check() error {
	for _, pair := range []struct {
		both  bool
		names string
	}{
		{o.create && o.remove, "-c and -D"},
		{o.create && o.upgrade, "-c and -U"},
		{o.remove && o.upgrade, "-D and -U"},
		{o.remove && o.batch, "-b and -D"},
		{o.upgrade && o.batch, "-b and -U"},
	} {
		if pair.both {
			return flags.Errorf("%s cannot be used together.", pair.names)
		}
	}
	want, missing := 2, "password file or username missing."
	switch {
	case o.batch:
		want, missing = 3, "password file, username, or password missing."
	case o.upgrade:
		want, missing = 1, "password file missing."
	}
	switch {
	case len(o.args) < want:
		if mode := o.mode(); mode != "" {
			missing = mode + " argument given but " + missing
		}
		return flags.Error(capital(missing))
	case len(o.args) > want && want == 2 && !o.remove:
		return flags.Errorf("A password on the command line, where others can see it, needs -b.")
	case len(o.args) > want:
		return flags.Errorf("Unexpected argument '%s'.", o.args[want])
	}
	o.file = o.args[0]
	if o.upgrade {
		return nil
	}
	o.user = o.args[1]
	return password.CheckUser(o.user)
}

// mode is the flag that says what is to be done; empty: to add or update.
func (o *passwdOptions) mode() string {
	switch {
	case o.create:
		return "-c"
	case o.remove:
		return "-D"
	case o.upgrade:
		return "-U"
	case o.batch:
		return "-b"
	}
	return ""
}

// passwdRun is one run of passwd.
type passwdRun struct {
	*passwdOptions
	env   Env
	files password.Options
}

func (p *passwdRun) recipe() password.Recipe {
	return password.Recipe{Scheme: hashSchemes[p.hash], Iterations: p.iterations}
}

func (p *passwdRun) run(ctx context.Context) int {
	switch {
	case p.upgrade:
		return p.edit(func(f *password.File) error { return f.HashPlainText(p.recipe()) })
	case p.remove:
		return p.edit(func(f *password.File) error {
			if !f.Delete(p.user) {
				return errNoUser
			}
			return nil
		})
	}
	secret, status := p.password(ctx)
	if status != 0 {
		return status
	}
	return p.set(secret)
}

// errNoUser says that the user to delete is not in the file.
var errNoUser = errors.New("no such user")

// set gives a user a password, in a new file or in one that exists.
func (p *passwdRun) set(secret []byte) int {
	h, err := p.recipe().Make(secret)
	switch {
	case err != nil:
		say(p.env.Stderr, "Error: Unable to hash password: %v.\n", err)
		return statusError
	case p.create && p.file == "-":
		say(p.env.Stdout, "%s:%s\n", p.user, h)
		return 0
	case p.create:
		err = password.Create(p.file, p.files, func(f *password.File) error {
			f.Set(p.user, h)
			return nil
		})
		if err == nil {
			say(p.env.Stdout, "Adding password for user %s\n", p.user)
		}
		return p.failed(err)
	}
	updated := false
	status := p.edit(func(f *password.File) error {
		updated = f.Set(p.user, h)
		return nil
	})
	switch {
	case status != 0:
	case updated:
		say(p.env.Stdout, "Updating password for user %s\n", p.user)
	default:
		say(p.env.Stdout, "Adding password for user %s\n", p.user)
	}
	return status
}

func (p *passwdRun) edit(change func(*password.File) error) int {
	return p.failed(password.Edit(p.file, p.files, change))
}

// failed says why a file was not edited and returns the exit status.
func (p *passwdRun) failed(err error) int {
	var (
		line *password.LineError
		path *fs.PathError
		link *os.LinkError
	)
	reason := err
	if errors.As(err, &path) {
		reason = path.Err
	} else if errors.As(err, &link) {
		reason = link.Err
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		return statusInterrupted
	case errors.Is(err, errNoUser):
		say(p.env.Stderr, "Warning: User %s not found in password file.\n", p.user)
	case errors.As(err, &line):
		say(p.env.Stderr, "Error: Corrupt password file at line %d.\n", line.Line)
	case p.create:
		say(p.env.Stderr, "Error: Unable to open file %s for writing. %s.\n", p.file, capital(reason.Error()))
	case path != nil && path.Path == p.file && (path.Op == "open" || path.Op == "lstat"):
		say(p.env.Stderr, "Error: Unable to open password file %s. %s.\n", p.file, capital(reason.Error()))
	default:
		say(p.env.Stderr, "Error: Unable to update password file %s, which is as it was. %s.\n", p.file, capital(reason.Error()))
	}
	return statusError
}
