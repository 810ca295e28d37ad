package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/zancudomq/zancudo/packet"
)

// Authenticator decides who may connect.
type Authenticator interface {
	// Authenticate returns nil to welcome the client. An error refuses it; a
	// packet.ReasonCode inside is sent, otherwise NotAuthorized. With a method
	// ReasonString() string it also says what a client of MQTT 5.0 is told. It may
	// change c.Username, which names the client from then on, and c.Credential.
	Authenticate(ctx context.Context, c *ConnectRequest) error
}

// Reviewer is an Authenticator that can be asked again about clients that are
// connected: by Listener.Review, and once after each has been let in.
type Reviewer interface {
	Authenticator
	// Review returns nil if a client may stay that was let in as user, with the
	// Credential of its ConnectRequest. Otherwise the error is why not, with the
	// reason code to send.
	Review(user string, credential any) error
}

// EnhancedAuthenticator is an Authenticator for clients that name an
// Authentication Method [MQTT-4.12.0-1].
type EnhancedAuthenticator interface {
	Authenticator
	// Begin starts an exchange by the method. An error refuses the client; a
	// method that is not known is packet.BadAuthenticationMethod.
	Begin(ctx context.Context, c *ConnectRequest, method string) (AuthExchange, error)
}

// AuthExchange is one exchange of AUTH packets.
type AuthExchange interface {
	// Next takes the client's data, at first that of its CONNECT, and returns
	// data to send. While done is false the client is asked for more; when it is
	// true the ConnectRequest of Begin has the user's name. One who is connected
	// already cannot become another user.
	Next(ctx context.Context, data []byte) (answer []byte, done bool, err error)
}

// Authorizer decides what a client may do. It is asked for every message and
// must not block: keep what takes time in a cache.
type Authorizer interface {
	// Authorize returns nil to allow. For Subscribe, topic is the filter as the
	// client wrote it, with $share/group/. The error says why not; the broker
	// logs it only where debugging is, for what to tell of is the Authorizer's to
	// say. Of c only ID and User may be called: a message that has waited is
	// authorized while the client is locked.
	Authorize(c *Client, a Action, topic string) error
}

// UnsubscriptionAuthorizer is an Authorizer that is also asked whether a client
// may end a subscription. Others let it.
type UnsubscriptionAuthorizer interface {
	Authorizer
	// AuthorizeUnsubscribe returns nil to allow, as Authorize does.
	AuthorizeUnsubscribe(c *Client, filter string) error
}

// Action is what a client wants to do.
type Action byte

// The actions that are authorized.
const (
	Publish   Action = iota // send a message to a topic, also as a will
	Subscribe               // subscribe to a filter
	Receive                 // get a message of a topic
)

func (a Action) String() string { return [...]string{"publish", "subscribe", "receive"}[a] }

// Interceptor sees every message of a client before it is routed and may
// replace it; what it returns is authorized again. It must not block, nor
// change m, which is only valid during the call. Messages to $CONTROL and $SYS,
// which are not routed, are for it to take; what it puts in their place is not.
type Interceptor interface {
	// Intercept returns the message to route, m if it has nothing to say. Nil
	// without an error says that it has taken the message: the client gets its
	// acknowledgement, and nobody else anything. An error refuses the message.
	Intercept(c *Client, m *packet.Message) (*packet.Message, error)
}

// Store keeps facts through restarts and crashes: an ordered map of keys to
// values. What keys and values mean is the broker's affair; to a Store they are
// bytes. Its methods may be called by many goroutines at once.
//
// Package storetest is this contract as a test.
type Store interface {
	// Append applies the facts in order, all or none, after those of every
	// Append that has returned, or that the same goroutine called before.
	//
	// With Durable it returns when they will survive a power failure; concurrent
	// calls share one sync. With Eventually it returns at once: they are durable
	// with the next Durable ones, or within a second, and of a key that changes
	// often only the last value may be written.
	//
	// The facts and their bytes belong to the caller again when Append returns.
	// An error carries a packet.ReasonCode: QuotaExceeded when the disk is full,
	// ImplementationSpecificError for all else. Nothing of a failed batch is kept.
	Append(facts []Fact, d Durability) error

	// Range calls yield for the facts with from <= key < to in the order of
	// their keys, until it returns false. A nil from is the first key, a nil to
	// comes after the last. Key and value are valid during the call only.
	//
	// It sees what was appended before it began, and nothing that is appended
	// meanwhile; yield may call Append and Range.
	Range(from, to []byte, yield func(key, value []byte) bool) error

	// Close makes durable what was appended, and lets go of the medium. It waits
	// for calls that run; those that come later fail.
	Close() error
}

// Fact is one change of a Store's map:
//
//	{Key: k, Value: v}  k has the value v, which may be empty but not nil
//	{Key: k}            k is removed; it need not be there
//	{Key: k, End: e}    all keys from k up to e, without e, are removed
//
// A fact without a Key, or with an End that is not after its Key or beside a
// Value, is an error.
type Fact struct{ Key, Value, End []byte }

// Validate tells what is wrong with a fact that says nothing clear.
func (f *Fact) Validate() error {
	switch {
	case len(f.Key) == 0:
		return errors.New("a fact without a key")
	case f.End != nil && f.Value != nil:
		return fmt.Errorf("fact %q has both a value and an end", f.Key)
	case f.End != nil && bytes.Compare(f.Key, f.End) >= 0:
		return fmt.Errorf("fact %q ends at %q, which is not after it", f.Key, f.End)
	}
	return nil
}

// Durability says how long Append waits.
type Durability byte

// The two durabilities.
const (
	Durable    Durability = iota // until the facts survive a power failure
	Eventually                   // not at all
)

// Trace has functions that are told what happens; nil ones are not called.
// They must not block.
type Trace struct {
	Connected    func(c *Client)
	Disconnected func(c *Client, err error) // err is nil after a DISCONNECT of the client
	Packet       func(c *Client, d Direction, p packet.Packet)
	// Dropped is told of a message that a client does not get, and why.
	Dropped func(c *Client, m *packet.Message, why error)
}

// Direction is the way a packet takes.
type Direction byte

// The two directions.
const (
	Received Direction = iota
	Sent
)
