package psk

import "slices"

const randomBytes = 32

// hello is a ClientHello or a ServerHello, which has one suite and one
// compression method.
type hello struct {
	version      uint16
	random       [randomBytes]byte
	sessionID    []byte
	suites       []Suite
	compressions []byte
	extensions
}

// extensions are those that matter here. Others are skipped.
type extensions struct {
	serverName           string // sent by a client, not read by a server
	maxFragment          byte   // the code of RFC 6066, section 4; 0: none
	groups               []group
	hasGroups            bool // a client without the extension takes any
	pointFormats         []byte
	encryptThenMAC       bool
	extendedMasterSecret bool
	versions             []uint16
	renegotiation        bool // RFC 5746; always the one of a first handshake
	other                bool // one that this package does not send
}

const (
	extensionServerName           = 0
	extensionMaxFragment          = 1
	extensionGroups               = 10
	extensionPointFormats         = 11
	extensionEncryptThenMAC       = 22
	extensionExtendedMasterSecret = 23
	extensionVersions             = 43
	extensionRenegotiation        = 0xff01
)

const pointUncompressed = 0

// maxFragmentBytes is what a code of max_fragment_length means; 0: no such code.
func maxFragmentBytes(code byte) int {
	if code < 1 || code > 4 {
		return 0
	}
	return 1 << (8 + code)
}

func parseClientHello(body []byte) (*hello, error) {
	h := &hello{}
	p := parser{b: body}
	h.version = p.uint16()
	copy(h.random[:], p.bytes(randomBytes))
	h.sessionID = p.vector8()
	numbers, even := uint16s[Suite](p.vector16())
	h.suites, h.compressions = numbers, p.vector8()
	if p.fail || !even || len(h.sessionID) > 32 || len(h.suites) == 0 {
		return nil, fail(DecodeError, "the ClientHello does not parse")
	}
	return h, h.parseExtensions(p, "ClientHello", h.parseClientExtension)
}

func parseServerHello(body []byte) (*hello, error) {
	h := &hello{}
	p := parser{b: body}
	h.version = p.uint16()
	copy(h.random[:], p.bytes(randomBytes))
	h.sessionID = p.vector8()
	h.suites, h.compressions = []Suite{Suite(p.uint16())}, []byte{p.uint8()}
	if p.fail || len(h.sessionID) > 32 {
		return nil, fail(DecodeError, "the ServerHello does not parse")
	}
	return h, h.parseExtensions(p, "ServerHello", h.parseServerExtension)
}

// parseExtensions reads what is left of a hello, which may be nothing.
func (h *hello) parseExtensions(p parser, name string, parse func(kind uint16, body *parser) bool) error {
	if p.done() {
		return nil
	}
	list := parser{b: p.vector16()}
	if !p.done() {
		return fail(DecodeError, "the extensions of the %s do not parse", name)
	}
	var seen []uint16
	for len(list.b) > 0 && !list.fail {
		kind := list.uint16()
		body := parser{b: list.vector16()}
		if slices.Contains(seen, kind) {
			return fail(IllegalParameter, "the %s has extension %d twice", name, kind)
		}
		if seen = append(seen, kind); len(seen) > maxExtensions {
			return fail(DecodeError, "the %s has more than %d extensions", name, maxExtensions)
		}
		if list.fail || !parse(kind, &body) {
			return fail(DecodeError, "extension %d of the %s does not parse", kind, name)
		}
	}
	if list.fail {
		return fail(DecodeError, "the extensions of the %s do not parse", name)
	}
	return nil
}

// maxExtensions bounds what a hello makes us look through; OpenSSL sends about 15.
const maxExtensions = 64

func (h *hello) parseClientExtension(kind uint16, body *parser) bool {
	switch kind {
	case extensionGroups:
		groups, even := uint16s[group](body.vector16())
		h.groups, h.hasGroups = groups, true
		return even && body.done()
	case extensionVersions:
		versions, even := uint16s[uint16](body.vector8())
		h.versions = versions
		return even && len(versions) > 0 && body.done()
	case extensionServerName:
		return true // the name is the certificate's matter, and there is none
	default:
		return h.parseSharedExtension(kind, body)
	}
}

func (h *hello) parseServerExtension(kind uint16, body *parser) bool {
	switch kind {
	case extensionServerName:
		return body.done()
	default:
		return h.parseSharedExtension(kind, body)
	}
}

// parseSharedExtension reads those that look alike from both sides.
func (h *hello) parseSharedExtension(kind uint16, body *parser) bool {
	switch kind {
	case extensionMaxFragment:
		h.maxFragment = body.uint8()
		return body.done()
	case extensionPointFormats:
		h.pointFormats = body.vector8()
		return len(h.pointFormats) > 0 && body.done()
	case extensionEncryptThenMAC:
		h.encryptThenMAC = true
		return body.done()
	case extensionExtendedMasterSecret:
		h.extendedMasterSecret = true
		return body.done()
	case extensionRenegotiation:
		h.renegotiation = true
		return body.uint8() == 0 && body.done() // nothing to renegotiate at a first handshake
	default:
		h.other = true
		return true
	}
}

// appendClient appends the body of a ClientHello.
func (h *hello) appendClient(b []byte) []byte {
	b = h.appendFront(b)
	b = appendVector16(b, appendUint16s(nil, h.suites...))
	b = appendVector8(b, h.compressions)
	return appendVector16(b, h.appendExtensions(nil))
}

// appendServer appends the body of a ServerHello.
func (h *hello) appendServer(b []byte) []byte {
	b = h.appendFront(b)
	b = appendUint16s(b, h.suites[0])
	b = append(b, h.compressions[0])
	if extensions := h.appendExtensions(nil); len(extensions) > 0 {
		b = appendVector16(b, extensions)
	}
	return b
}

func (h *hello) appendFront(b []byte) []byte {
	b = appendUint16s(b, h.version)
	b = append(b, h.random[:]...)
	return appendVector8(b, h.sessionID)
}

func (h *hello) appendExtensions(b []byte) []byte {
	add := func(kind uint16, body []byte) { b = appendVector16(appendUint16s(b, kind), body) }
	if h.serverName != "" {
		name := appendVector16([]byte{0}, []byte(h.serverName)) // 0: a host name
		add(extensionServerName, appendVector16(nil, name))
	}
	if h.maxFragment != 0 {
		add(extensionMaxFragment, []byte{h.maxFragment})
	}
	if h.hasGroups {
		add(extensionGroups, appendVector16(nil, appendUint16s(nil, h.groups...)))
	}
	if len(h.pointFormats) > 0 {
		add(extensionPointFormats, appendVector8(nil, h.pointFormats))
	}
	if h.encryptThenMAC {
		add(extensionEncryptThenMAC, nil)
	}
	if h.extendedMasterSecret {
		add(extensionExtendedMasterSecret, nil)
	}
	if h.renegotiation {
		add(extensionRenegotiation, []byte{0})
	}
	return b
}
