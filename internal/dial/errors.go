package dial

// A Stage is a step on the way to a connection.
type Stage byte

// The stages, in their order.
const (
	// AtSettings is an option, or a file that it names.
	AtSettings Stage = iota
	// AtLookup is the search for addresses in the DNS.
	AtLookup
	// AtConnect is the connection to a socket, of a server or a proxy.
	AtConnect
	// AtProxy is what is said to a proxy.
	AtProxy
	// AtTLS is the TLS handshake, with a certificate or a pre-shared key.
	AtTLS
	// AtWebSocket is the HTTP request that begins a WebSocket.
	AtWebSocket
)

// An Error says what of a connection failed.
type Error struct {
	Stage Stage
	// Text is what failed, for a person.
	Text string
	// Err is the cause, if there is one that Text does not name.
	Err error
}

// Error returns the text and the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// explained is a cause that the text of an Error says in better words.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }
