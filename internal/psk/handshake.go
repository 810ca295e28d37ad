package psk

import (
	"crypto/hmac"
	"errors"
	"fmt"
)

// messageType is the type of a handshake message.
type messageType uint8

const (
	messageHelloRequest      messageType = 0
	messageClientHello       messageType = 1
	messageServerHello       messageType = 2
	messageCertificate       messageType = 11
	messageServerKeyExchange messageType = 12
	messageServerHelloDone   messageType = 14
	messageClientKeyExchange messageType = 16
	messageFinished          messageType = 20
)

func (t messageType) String() string {
	switch t {
	case messageHelloRequest:
		return "HelloRequest"
	case messageClientHello:
		return "ClientHello"
	case messageServerHello:
		return "ServerHello"
	case messageCertificate:
		return "Certificate"
	case messageServerKeyExchange:
		return "ServerKeyExchange"
	case messageServerHelloDone:
		return "ServerHelloDone"
	case messageClientKeyExchange:
		return "ClientKeyExchange"
	case messageFinished:
		return "Finished"
	default:
		return fmt.Sprintf("handshake message %d", uint8(t))
	}
}

const (
	messageHeaderBytes = 4
	maxMessage         = 8192 // bytes of a handshake message; a ClientHello with the key shares of TLS 1.3 has about 2,000
	maxIdentity        = 256  // bytes, OpenSSL's limit
	maxKey             = 512  // bytes, OpenSSL's limit
	maxHint            = 256  // bytes that a client reads
)

const (
	labelClientFinished = "client finished"
	labelServerFinished = "server finished"
)

// handshake is what the two sides of a handshake share. It lives as long as the
// handshake does.
type handshake struct {
	*Conn
	secrets
	transcript []byte // of all messages, without their records; both sides bound it by the messages they expect
}

// expect reads the next message, which must be of one type, and returns its body.
func (h *handshake) expect(want messageType) ([]byte, error) {
	got, body, err := h.message()
	if err != nil {
		return nil, err
	}
	if got != want {
		return nil, unexpected(got, want)
	}
	return body, nil
}

func unexpected(got, want messageType) error {
	if got == messageCertificate {
		return fail(UnexpectedMessage, "the server sent a certificate, although a suite without one was agreed")
	}
	return fail(UnexpectedMessage, "got %v, want %v", got, want)
}

// message reads the next handshake message into the transcript.
func (h *handshake) message() (messageType, []byte, error) {
	in := &h.in
	for {
		if length, whole := wholeMessage(in.handshake); length > maxMessage {
			return 0, nil, fail(IllegalParameter, "a handshake message has %d bytes, at most %d are allowed", length, maxMessage)
		} else if whole {
			raw := in.handshake[:messageHeaderBytes+length]
			in.handshake = in.handshake[len(raw):]
			from := len(h.transcript)
			h.transcript = append(h.transcript, raw...)
			return messageType(raw[0]), h.transcript[from+messageHeaderBytes:], nil
		}
		kind, fragment, err := in.record()
		switch {
		case err != nil:
			return 0, nil, err
		case kind == recordAlert:
			if err := h.readAlert(fragment); err != nil {
				return 0, nil, closedEarly(err)
			}
		case kind != recordHandshake:
			return 0, nil, fail(UnexpectedMessage, "a record of type %d came in the middle of the handshake", kind)
		default:
			in.handshake = append(in.handshake, fragment...) // at most a message and a record
		}
	}
}

// wholeMessage returns the length of the message that b begins with, and whether
// all of it is there.
func wholeMessage(b []byte) (length int, whole bool) {
	if len(b) < messageHeaderBytes {
		return 0, false
	}
	length = int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	return length, len(b) >= messageHeaderBytes+length
}

var errClosed = errors.New("the peer closed the connection in the middle of the handshake")

// closedEarly turns a goodbye into an error.
func closedEarly(err error) error {
	if errors.Is(err, CloseNotify) {
		return errClosed
	}
	return err
}

// say adds a message to the output and to the transcript.
func (h *handshake) say(kind messageType, body []byte) error {
	from := len(h.transcript)
	n := len(body)
	h.transcript = append(h.transcript, byte(kind), byte(n>>16), byte(n>>8), byte(n))
	h.transcript = append(h.transcript, body...)
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	return h.out.append(recordHandshake, h.transcript[from:])
}

func (h *handshake) flush() error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	return h.out.flush()
}

// sendFinished sends ChangeCipherSpec and Finished.
func (h *handshake) sendFinished(label string) error {
	h.out.mu.Lock()
	err := h.out.changeCipherSpec()
	h.out.mu.Unlock()
	if err != nil {
		return err
	}
	if err := h.say(messageFinished, h.finished(label, h.transcript)); err != nil {
		return err
	}
	return h.flush()
}

// readFinished reads ChangeCipherSpec and Finished. It is here that a peer shows
// that it has the key: another key makes a record that does not open.
func (h *handshake) readFinished(label string) error {
	if len(h.in.handshake) > 0 {
		return fail(UnexpectedMessage, "a handshake message goes beyond ChangeCipherSpec")
	}
	for {
		kind, fragment, err := h.in.record()
		if err != nil {
			return err
		}
		if kind == recordAlert {
			if err := h.readAlert(fragment); err != nil {
				return closedEarly(err)
			}
			continue
		}
		if kind != recordChangeCipherSpec || len(fragment) != 1 || fragment[0] != 1 {
			return fail(UnexpectedMessage, "got a record of type %d, want ChangeCipherSpec", kind)
		}
		break
	}
	h.in.changeCipherSpec()
	want := h.finished(label, h.transcript)
	got, err := h.expect(messageFinished)
	if err != nil {
		return err
	}
	if !hmac.Equal(got, want) {
		return fail(DecryptError, "the peer's Finished is not of this handshake")
	}
	if len(h.in.handshake) > 0 {
		return fail(UnexpectedMessage, "something came with the Finished")
	}
	return nil
}

// protect prepares both directions for ChangeCipherSpec.
func (h *handshake) protect(mine, peers protection) {
	h.in.next = peers
	h.out.mu.Lock()
	h.out.next = mine
	h.out.mu.Unlock()
}
