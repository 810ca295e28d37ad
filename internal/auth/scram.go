package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// SCRAMSHA256 is the name of the one authentication method there is. It binds no
// channel: who is between client and broker without TLS does not learn the
// password, but can pass on what they say, and say more once they have agreed.
const SCRAMSHA256 = "SCRAM-SHA-256"

var _ broker.EnhancedAuthenticator = (*Passwords)(nil)

// Begin begins an exchange of SCRAM-SHA-256, if there is a user who can use it.
func (p *Passwords) Begin(_ context.Context, c *broker.ConnectRequest, method string) (broker.AuthExchange, error) {
	if method != SCRAMSHA256 || p.Users.scram.typical == nil {
		return nil, fmt.Errorf("authentication method %.80q: %w", method, packet.BadAuthenticationMethod)
	}
	return &scramServer{passwords: p, request: c}, nil
}

// scramServer is the server's side of one exchange (RFC 5802, section 5).
type scramServer struct {
	passwords *Passwords
	request   *broker.ConnectRequest
	step      int // 0: nothing came; 1: an empty message did; 2: the client's first did

	user     string
	known    bool // otherwise the credentials are made up
	hash     *password.Hash
	keys     password.SCRAM
	header   string // of GS2, as the client repeats it
	nonce    string // of both
	messages []byte // client-first-message-bare and server-first-message
}

// maxSCRAMMessage bounds a message of a client: a user name, two nonces and a
// proof.
const maxSCRAMMessage = 8 << 10

// Next takes a message of the client.
func (s *scramServer) Next(ctx context.Context, data []byte) (answer []byte, done bool, err error) {
	if len(data) > maxSCRAMMessage {
		return nil, false, malformed("message is too long")
	}
	switch {
	case s.step == 0 && len(data) == 0: // the client wants to be asked
		s.step = 1
		return nil, false, nil
	case s.step < 2:
		s.step = 2
		answer, err = s.first(data)
		return answer, false, err
	default:
		answer, err = s.final(ctx, data)
		return answer, err == nil, err
	}
}

// malformed is the error of a message that is not as RFC 5802 has it.
// It tells nothing of users, and so the client may know it.
func malformed(what string) error {
	return &Refusal{packet.NotAuthorized, "SCRAM: " + what, "SCRAM: " + what + "."}
}

// first takes the client's first message and answers with the salt.
func (s *scramServer) first(data []byte) ([]byte, error) {
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, malformed("message is not text")
	}
	bare, err := s.readHeader(string(data))
	if err != nil {
		return nil, err
	}
	fields := strings.Split(bare, ",")
	if strings.HasPrefix(bare, "m=") {
		return nil, malformed("extensions are not supported")
	}
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "n=") || !strings.HasPrefix(fields[1], "r=") {
		return nil, malformed("first message has no user and nonce")
	}
	if s.user, err = unescape(fields[0][2:]); err != nil {
		return nil, err
	}
	nonce := fields[1][2:]
	if !printable(nonce) {
		return nil, malformed("nonce is not printable")
	}
	if s.request.HasUsername && s.request.Username != s.user {
		return nil, malformed("user name differs from that of the CONNECT")
	}
	s.hash, s.keys, s.known = s.passwords.Users.findSCRAM(s.user)
	s.nonce = nonce + rand.Text()
	answer := fmt.Sprintf("r=%s,s=%s,i=%d", s.nonce, base64.StdEncoding.EncodeToString(s.keys.Salt), s.keys.Iterations)
	s.messages = []byte(bare + "," + answer)
	return []byte(answer), nil
}

// readHeader reads the header of GS2 and returns what follows. Channels are not
// bound: a client that insists is refused, and one that only could is welcome.
func (s *scramServer) readHeader(message string) (bare string, err error) {
	flag, rest, ok := strings.Cut(message, ",")
	authzid, bare, ok2 := strings.Cut(rest, ",")
	switch {
	case !ok || !ok2:
		return "", malformed("first message has no header")
	case strings.HasPrefix(flag, "p="):
		return "", malformed("channel binding is not supported")
	case flag != "n" && flag != "y":
		return "", malformed("first message has no header")
	case authzid != "":
		return "", malformed("to act as another user is not supported")
	}
	s.header = message[:len(message)-len(bare)]
	return bare, nil
}

// final takes the client's proof and, if it is right, answers with ours.
func (s *scramServer) final(ctx context.Context, data []byte) ([]byte, error) {
	without, proof, ok := bytes.Cut(data, []byte(",p="))
	fields := strings.Split(string(without), ",")
	if !ok || len(fields) < 2 || !strings.HasPrefix(fields[0], "c=") || !strings.HasPrefix(fields[1], "r=") {
		return nil, malformed("final message has no binding, nonce and proof")
	}
	if header, err := base64.StdEncoding.DecodeString(fields[0][2:]); err != nil || string(header) != s.header {
		return nil, malformed("final message has another header")
	}
	if fields[1][2:] != s.nonce {
		return nil, malformed("final message has another nonce")
	}
	shown, err := base64.StdEncoding.DecodeString(string(proof))
	if err != nil {
		return nil, malformed("proof is not base64")
	}
	messages := append(append(s.messages, ','), without...)
	a := &attempt{origin: origin{sourceOf(s.request.Conn), s.user}, conn: s.request.Conn, known: s.known}
	if !s.known && s.passwords.Users.hashes[s.user] != nil {
		a.lacks = "the user has no password for SCRAM: 'zancudo passwd -H scram-sha-256' makes one"
	}
	err = s.passwords.Verifier.judge(ctx, a, func() bool { return false }, func(context.Context) (bool, error) {
		return s.keys.VerifyProof(shown, messages) && s.known, nil
	})
	if err != nil {
		return nil, err
	}
	s.request.Username, s.request.Credential = s.user, s.hash
	return append([]byte("v="), base64.StdEncoding.EncodeToString(s.keys.ServerSignature(messages))...), nil
}

// unescape reads a user name, in which "=2C" and "=3D" stand for a comma and an
// equals sign.
func unescape(name string) (string, error) {
	if name == "" {
		return "", malformed("user name is empty")
	}
	plain := strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name)
	if strings.Count(name, "=") != strings.Count(name, "=2C")+strings.Count(name, "=3D") {
		return "", malformed("user name has an equals sign that escapes nothing")
	}
	return plain, nil
}

// escape writes a user name.
func escape(name string) string { return strings.NewReplacer(",", "=2C", "=", "=3D").Replace(name) }

func printable(nonce string) bool {
	for _, c := range []byte(nonce) {
		if c < 0x21 || c > 0x7E || c == ',' {
			return false
		}
	}
	return nonce != ""
}

// A SCRAMClient is the client's side of SCRAM-SHA-256, as package client wants
// it. It keeps what it has derived from the password, for the next exchange.
type SCRAMClient struct {
	User     string
	Password []byte

	bare, nonce string
	expected    []byte // from the server; nil: not yet
	salt        []byte // that salted was made with, as iterations
	salted      []byte
	iterations  int
}

// Start returns the client's first message.
func (c *SCRAMClient) Start() ([]byte, error) {
	c.nonce, c.expected = rand.Text(), nil
	c.bare = "n=" + escape(string(password.Prepare([]byte(c.User)))) + ",r=" + c.nonce
	return []byte("n,," + c.bare), nil
}

// Continue answers the server's first message with the proof.
func (c *SCRAMClient) Continue(data []byte) ([]byte, error) {
	fields := strings.Split(string(data), ",")
	if c.expected != nil || len(fields) < 3 || !strings.HasPrefix(fields[0], "r=") || !strings.HasPrefix(fields[1], "s=") || !strings.HasPrefix(fields[2], "i=") {
		return nil, errors.New("the server's message is not one of SCRAM")
	}
	nonce := fields[0][2:]
	salt, err := base64.StdEncoding.DecodeString(fields[1][2:])
	iterations, notNumber := strconv.Atoi(fields[2][2:])
	switch {
	case !strings.HasPrefix(nonce, c.nonce) || len(nonce) == len(c.nonce):
		return nil, errors.New("the server's nonce does not begin with ours")
	case err != nil || len(salt) == 0:
		return nil, errors.New("the server's salt is not base64")
	case notNumber != nil || iterations < password.MinSCRAMIterations || iterations > password.MaxSCRAMIterations:
		return nil, fmt.Errorf("the server asks for %.20q iterations: %d to %d are accepted", fields[2][2:], password.MinSCRAMIterations, password.MaxSCRAMIterations)
	}
	if iterations != c.iterations || !bytes.Equal(salt, c.salt) {
		if c.salted, err = password.SaltedPassword(c.Password, salt, iterations); err != nil {
			return nil, err
		}
		c.salt, c.iterations = salt, iterations
	}
	without := "c=" + base64.StdEncoding.EncodeToString([]byte("n,,")) + ",r=" + nonce
	messages := []byte(c.bare + "," + string(data) + "," + without)
	server := password.SCRAM{ServerKey: password.ServerKeyOf(c.salted)}
	c.expected = server.ServerSignature(messages)
	return []byte(without + ",p=" + base64.StdEncoding.EncodeToString(password.ClientProof(c.salted, messages))), nil
}

// Finish checks that the server knows the password as well.
func (c *SCRAMClient) Finish(data []byte) error {
	want := append([]byte("v="), base64.StdEncoding.EncodeToString(c.expected)...)
	if c.expected == nil || !bytes.Equal(data, want) {
		return errors.New("the server has not proven that it knows the password")
	}
	return nil
}
