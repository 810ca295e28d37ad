package psk

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
)

// server does the server's part of the handshake.
func (h *handshake) server() error {
	if err := h.config.checkServer(); err != nil {
		return err
	}
	private, err := h.greet()
	if err != nil {
		return err
	}
	identity, agreed, err := h.readClientKeyExchange(private)
	if err != nil {
		return err
	}
	key, unknown := h.key(identity)
	h.deriveMaster(premaster(agreed, key), h.transcript)
	client, server, err := h.protections()
	if err != nil {
		return err
	}
	h.protect(server, client)
	if err := h.readFinished(labelClientFinished); err != nil {
		return doubt(err, identity, unknown)
	}
	if unknown != nil { // a random key was guessed: not in this world, but it must not let anybody in
		return doubt(fail(DecryptError, "the key was guessed"), identity, unknown)
	}
	if err := h.sendFinished(labelServerFinished); err != nil {
		return err
	}
	return h.finish(identity)
}

// greet reads the ClientHello and answers up to ServerHelloDone. The key is that
// of the key agreement; nil: the suite has none.
func (h *handshake) greet() (*ecdh.PrivateKey, error) {
	body, err := h.expect(messageClientHello)
	if err != nil {
		return nil, err
	}
	offer, err := parseClientHello(body)
	if err != nil {
		return nil, err
	}
	g, err := h.choose(offer)
	if err != nil {
		return nil, err
	}
	if err := h.say(messageServerHello, h.answer(offer).appendServer(nil)); err != nil {
		return nil, err
	}
	private, err := h.sayServerKeyExchange(g)
	if err != nil {
		return nil, err
	}
	if err := h.say(messageServerHelloDone, nil); err != nil {
		return nil, err
	}
	return private, h.flush()
}

// choose settles version, suite and group.
func (h *handshake) choose(offer *hello) (group, error) {
	switch {
	case len(offer.versions) > 0 && !slices.Contains(offer.versions, version12):
		return 0, fail(ProtocolVersion, "the client does not offer TLS 1.2, the version that TLS-PSK is spoken in here, but only others, as TLS 1.3")
	case offer.version < version12 || offer.version>>8 != 3:
		return 0, fail(ProtocolVersion, "the client offers version 0x%04x, want TLS 1.2", offer.version)
	case !slices.Contains(offer.compressions, 0):
		return 0, fail(IllegalParameter, "the client insists on compression")
	case offer.maxFragment != 0 && maxFragmentBytes(offer.maxFragment) == 0:
		return 0, fail(IllegalParameter, "the client wants a maximum fragment length that does not exist")
	}
	g, hasGroup := chooseGroup(offer)
	for _, id := range h.config.Suites {
		s, ok := findSuite(id)
		if ok && slices.Contains(offer.suites, id) && (hasGroup || !s.ecdhe) {
			h.suite = s
			return g, nil
		}
	}
	if !slices.ContainsFunc(offer.suites, func(id Suite) bool { _, ok := findSuite(id); return ok }) {
		return 0, fail(HandshakeFailure, "the client offers no cipher suite with a pre-shared key: it expects a certificate")
	}
	return 0, fail(HandshakeFailure, "the client offers no cipher suite that is allowed here")
}

// answer is what the ServerHello says to an offer.
func (h *handshake) answer(offer *hello) *hello {
	rand.Read(h.serverRandom[:])
	h.clientRandom = offer.random
	h.extended = offer.extendedMasterSecret
	h.encryptThenMAC = offer.encryptThenMAC && h.suite.mode == cbc
	h.in.negotiated = true
	a := &hello{version: version12, random: h.serverRandom, suites: []Suite{h.suite.id}, compressions: []byte{0}}
	a.extendedMasterSecret, a.encryptThenMAC = h.extended, h.encryptThenMAC
	a.renegotiation = offer.renegotiation || slices.Contains(offer.suites, renegotiationSCSV)
	if h.suite.ecdhe && len(offer.pointFormats) > 0 {
		a.pointFormats = []byte{pointUncompressed}
	}
	if offer.maxFragment != 0 {
		a.maxFragment = offer.maxFragment
		h.out.mu.Lock()
		h.out.maxPlain = maxFragmentBytes(offer.maxFragment)
		h.out.mu.Unlock()
	}
	return a
}

// sayServerKeyExchange sends the hint and the public key, if there are any.
func (h *handshake) sayServerKeyExchange(g group) (*ecdh.PrivateKey, error) {
	h.state.Hint = h.config.Hint
	if !h.suite.ecdhe && h.config.Hint == "" {
		return nil, nil //nolint:nilnil // no key agreement
	}
	body := appendVector16(nil, []byte(h.config.Hint))
	if !h.suite.ecdhe {
		return nil, h.say(messageServerKeyExchange, body)
	}
	private, err := g.generate()
	if err != nil {
		return nil, fmt.Errorf("make a key pair: %w", err)
	}
	body = append(body, curveNamed)
	body = appendUint16s(body, g)
	body = appendVector8(body, private.PublicKey().Bytes())
	return private, h.say(messageServerKeyExchange, body)
}

// readClientKeyExchange reads the identity and what the key agreement gives.
func (h *handshake) readClientKeyExchange(private *ecdh.PrivateKey) (identity string, agreed []byte, err error) {
	body, err := h.expect(messageClientKeyExchange)
	if err != nil {
		return "", nil, err
	}
	p := parser{b: body}
	name := p.vector16()
	var public []byte
	if private != nil {
		public = p.vector8()
	}
	if !p.done() {
		return "", nil, fail(DecodeError, "the ClientKeyExchange does not parse")
	}
	if len(name) > maxIdentity {
		return "", nil, fail(IllegalParameter, "the identity has %d bytes, at most %d are possible", len(name), maxIdentity)
	}
	if private != nil {
		agreed, err = agree(private, public)
	}
	return string(name), agreed, err
}

var errNoKey = errors.New("there is no usable key")

// key looks the key of an identity up. If there is none it is random, and unknown
// says why: what follows looks the same from outside.
func (h *handshake) key(identity string) (key []byte, unknown error) {
	key, unknown = h.config.Key(identity)
	if unknown == nil && (len(key) == 0 || len(key) > maxKey) {
		unknown = errNoKey
	}
	if unknown != nil {
		key = make([]byte, 32)
		rand.Read(key)
	}
	return key, unknown
}

// doubt makes one alert of a wrong key and an unknown identity (RFC 4279,
// section 2), and two sentences for our own log.
func doubt(err error, identity string, unknown error) error {
	alert, failed := alertFor(err)
	wrong := failed && (alert == BadRecordMAC || alert == DecryptError)
	switch {
	case !wrong:
		return err
	case unknown != nil:
		return fail(DecryptError, "the identity %q is not known: %v", identity, unknown)
	default:
		return fail(DecryptError, "the client has another key for the identity %q", identity)
	}
}

// finish fills in what the handshake has agreed on.
func (h *handshake) finish(identity string) error {
	h.state.Suite = h.suite.id
	h.state.Identity = identity
	h.state.ExtendedMasterSecret = h.extended
	h.state.EncryptThenMAC = h.encryptThenMAC
	h.state.MaxRecordBytes = h.out.maxPlain
	if h.config.KeyLog == nil {
		return nil
	}
	if _, err := fmt.Fprintf(h.config.KeyLog, "CLIENT_RANDOM %x %x\n", h.clientRandom, h.master); err != nil {
		return fmt.Errorf("write the key log: %w", err)
	}
	return nil
}
