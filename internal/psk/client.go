package psk

import (
	"crypto/rand"
	"fmt"
	"slices"
)

// client does the client's part of the handshake.
func (h *handshake) client() error {
	if err := h.config.checkClient(); err != nil {
		return err
	}
	offer := h.offer()
	if err := h.say(messageClientHello, offer.appendClient(nil)); err != nil {
		return err
	}
	if err := h.flush(); err != nil {
		return err
	}
	if err := h.readServerHello(offer); err != nil {
		return err
	}
	public, agreed, err := h.readServerKeyExchange()
	if err != nil {
		return err
	}
	body := appendVector16(nil, []byte(h.config.Identity))
	if h.suite.ecdhe {
		body = appendVector8(body, public)
	}
	if err := h.say(messageClientKeyExchange, body); err != nil {
		return err
	}
	h.deriveMaster(premaster(agreed, h.config.Secret), h.transcript)
	client, server, err := h.protections()
	if err != nil {
		return err
	}
	h.protect(client, server)
	if err := h.sendFinished(labelClientFinished); err != nil {
		return err
	}
	if err := h.readFinished(labelServerFinished); err != nil {
		return err
	}
	return h.finish(h.config.Identity)
}

// offer is what the ClientHello says.
func (h *handshake) offer() *hello {
	o := &hello{version: version12, suites: slices.Clone(h.config.Suites), compressions: []byte{0}}
	rand.Read(h.clientRandom[:])
	o.random = h.clientRandom
	o.serverName = h.config.ServerName
	o.extendedMasterSecret, o.renegotiation = true, true
	for _, id := range o.suites {
		s, _ := findSuite(id)
		o.encryptThenMAC = o.encryptThenMAC || s.mode == cbc
		o.hasGroups = o.hasGroups || s.ecdhe
	}
	if o.hasGroups {
		o.groups, o.pointFormats = groups(), []byte{pointUncompressed}
	}
	return o
}

// readServerHello reads what the server has chosen and checks that it was offered.
func (h *handshake) readServerHello(offer *hello) error {
	body, err := h.expect(messageServerHello)
	if err != nil {
		return err
	}
	chosen, err := parseServerHello(body)
	if err != nil {
		return err
	}
	id := chosen.suites[0]
	s, known := findSuite(id)
	switch {
	case chosen.version != version12:
		return fail(ProtocolVersion, "the server chose version 0x%04x, want TLS 1.2", chosen.version)
	case !known || !slices.Contains(offer.suites, id):
		return fail(IllegalParameter, "the server chose %v, which was not offered", id)
	case chosen.compressions[0] != 0:
		return fail(IllegalParameter, "the server chose compression, which was not offered")
	case chosen.other, chosen.maxFragment != 0, chosen.encryptThenMAC && !offer.encryptThenMAC:
		return fail(UnsupportedExtension, "the server answers an extension that was not offered")
	case chosen.encryptThenMAC && s.mode != cbc:
		return fail(IllegalParameter, "the server wants encrypt-then-MAC for %v", id)
	case !chosen.renegotiation:
		return fail(HandshakeFailure, "the server does not have secure renegotiation (RFC 5746), so that others could speak before us")
	}
	h.suite, h.serverRandom = s, chosen.random
	h.extended, h.encryptThenMAC = chosen.extendedMasterSecret, chosen.encryptThenMAC
	h.in.negotiated = true
	return nil
}

// readServerKeyExchange reads up to ServerHelloDone: the hint, which a suite
// without key agreement may go without, and the server's public key, to which it
// returns ours and what the two have agreed on.
func (h *handshake) readServerKeyExchange() (public, agreed []byte, err error) {
	kind, body, err := h.message()
	if err != nil {
		return nil, nil, err
	}
	switch {
	case kind == messageServerHelloDone && !h.suite.ecdhe:
		return nil, nil, checkDone(body)
	case kind != messageServerKeyExchange:
		return nil, nil, unexpected(kind, messageServerKeyExchange)
	}
	p := parser{b: body}
	hint := p.vector16()
	if !p.fail && len(hint) > maxHint {
		return nil, nil, fail(IllegalParameter, "the hint has %d bytes, at most %d are read", len(hint), maxHint)
	}
	h.state.Hint = string(hint)
	if h.suite.ecdhe {
		if public, agreed, err = answerKeyExchange(&p); err != nil {
			return nil, nil, err
		}
	}
	if !p.done() {
		return nil, nil, fail(DecodeError, "the ServerKeyExchange does not parse")
	}
	if body, err = h.expect(messageServerHelloDone); err != nil {
		return nil, nil, err
	}
	return public, agreed, checkDone(body)
}

func checkDone(body []byte) error {
	if len(body) > 0 {
		return fail(DecodeError, "the ServerHelloDone is not empty")
	}
	return nil
}

// answerKeyExchange reads the server's group and public key.
func answerKeyExchange(p *parser) (public, agreed []byte, err error) {
	form, g, theirs := p.uint8(), group(p.uint16()), p.vector8()
	switch {
	case p.fail:
		return nil, nil, fail(DecodeError, "the ServerKeyExchange does not parse")
	case form != curveNamed || g.curve() == nil:
		return nil, nil, fail(IllegalParameter, "the server chose group %d, which was not offered", g)
	}
	private, err := g.generate()
	if err != nil {
		return nil, nil, fmt.Errorf("make a key pair: %w", err)
	}
	agreed, err = agree(private, theirs)
	return private.PublicKey().Bytes(), agreed, err
}
