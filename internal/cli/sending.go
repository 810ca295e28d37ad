package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// sending is what pub and rr say about the message to send.
type sending struct {
	topic   string
	qos     packet.QoS
	source  source
	payload []byte
	file    string
}

// source says where the messages come from.
type source byte

const (
	noSource source = iota
	argument
	nullMessage
	stdinLines
	wholeFile
	allOfStdin
)

func (s *sending) messageFlags() []flags.Flag {
	return []flags.Flag{
		{Names: "-t, --topic", Value: "topic", Help: "to publish to", Set: flags.With(func(v string) error { return s.setTopic(v, "-t") })},
		{Names: "-m, --message", Value: "message", Help: "to send", Set: flags.With(s.setMessage)},
		{Names: "-n, --null-message", Help: "send an empty message", Set: s.from(nullMessage)},
		{Names: "-f, --file", Value: "file", Help: "send what is in a file", Completes: flags.File, Set: flags.With(s.setFile)},
		{Names: "-s, --stdin-file", Help: "send all of standard input as one message", Set: s.from(allOfStdin)},
		qosFlag(&s.qos),
	}
}

func qosFlag(to *packet.QoS) flags.Flag {
	return flags.Flag{
		Names: "-q, --qos", Value: "QoS", Help: "quality of service: 0, 1 or 2 (0)", Choices: []string{"0", "1", "2"},
		Invalid: "Invalid QoS given: %s", Set: flags.Int(to, 0, 2),
	}
}

func (s *sending) setTopic(v, flag string) error {
	s.topic = v
	return checkTopic(v, "publish", flag, topic.ValidateName)
}

// from returns the setter of a flag that names the source.
func (s *sending) from(source source) flags.Setter {
	return func([]string) error {
		if s.source != noSource {
			return flags.Errorf("Only one type of message can be sent at once. The flags for it are -f, -l, -m, -n and -s.")
		}
		s.source = source
		return nil
	}
}

func (s *sending) setMessage(v string) error {
	s.payload = []byte(v)
	return s.from(argument)(nil)
}

func (s *sending) setFile(v string) error {
	s.file = v
	return s.from(wholeFile)(nil)
}

// load reads a message that comes in one piece. The errors are Mosquitto's, in
// two lines.
func (s *sending) load(stdin io.Reader) (b []byte, err error) {
	switch s.source {
	case argument:
		return s.payload, nil
	case wholeFile:
		if b, err = os.ReadFile(s.file); err != nil {
			return nil, flags.Errorf("Unable to read file \"%s\": %s.\nError loading input file \"%[1]s\".", s.file, errnoText(err))
		}
	case allOfStdin:
		if b, err = io.ReadAll(stdin); err != nil {
			return nil, flags.Errorf("Unable to read standard input: %v.\nError loading input from stdin.", err)
		}
		if len(b) == 0 {
			return nil, flags.Errorf("Zero length input.\nError loading input from stdin.")
		}
	case noSource, nullMessage, stdinLines:
	}
	if len(b) > packet.MaxRemainingLength {
		return nil, flags.Errorf("Message length must be less than %d bytes.", packet.MaxRemainingLength)
	}
	return b, nil
}

// errnoText is what the C library says of an error, as Mosquitto's tools print
// it.
func errnoText(err error) string {
	var errno syscall.Errno
	var path *fs.PathError
	switch {
	case errors.As(err, &errno):
		return capital(errno.Error())
	case errors.As(err, &path):
		err = path.Err
	}
	return strings.TrimSuffix(capital(err.Error()), ".")
}
