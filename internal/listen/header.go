package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Header is what a proxy says of a connection that it passes on.
type Header struct {
	// Source is whom the proxy speaks for; nil: for itself, as when it looks
	// whether the broker is there, or somebody it does not tell.
	Source net.Addr
	// TLS says that the client is connected to the proxy by TLS, and what
	// follows how; all is empty unless the proxy tells.
	TLS         bool
	TLSVersion  string // as "TLSv1.3"
	Cipher      string
	Certificate bool   // the client has one, and the proxy has verified it
	CommonName  string // of that certificate
}

// ErrCorruptHeader is wrapped by the errors on what is no PROXY header.
var ErrCorruptHeader = errors.New("corrupt PROXY header")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorruptHeader, fmt.Sprintf(format, args...))
}

const (
	maxHeaderV1  = 107     // of a line, with its end
	leastV1      = 15      // PROXY UNKNOWN and the end of the line
	maxHeaderV2  = 4 << 10 // without the first 16 bytes
	signatureV2  = "\r\n\r\n\x00\r\nQUIT\n"
	fixedV2      = 16
	unixPathV2   = 108
	tlvCRC       = 0x03
	tlvTLS       = 0x20
	tlvVersion   = 0x21
	tlvName      = 0x22
	tlvCipher    = 0x23
	clientTLS    = 0x01
	clientShown  = 0x02 | 0x04 // a certificate, in this connection or in this session
	maxTLVString = 256
)

// readHeader reads a header of the given version and not one byte more: what
// follows belongs to the connection.
func readHeader(r io.Reader, version int) (Header, error) {
	if version == 1 {
		return readV1(r)
	}
	return readV2(r)
}

// readV1 reads a line, as much at a time as must be of it: two bytes while it
// has not begun to end.
func readV1(r io.Reader) (Header, error) {
	line := make([]byte, 0, maxHeaderV1)
	for {
		n, more := len(line), 2
		switch {
		case n < leastV1:
			more = leastV1 - n
		case line[n-1] == '\r':
			more = 1
		}
		if n+more > maxHeaderV1 {
			return Header{}, corrupt("it has no end within %d bytes", maxHeaderV1)
		}
		read, err := r.Read(line[n : n+more])
		if line = line[:n+read]; read == 0 {
			return Header{}, cut(n, err)
		}
		if !begins(line, "PROXY ") {
			return Header{}, corrupt("it does not begin with PROXY")
		}
		switch i := bytes.IndexByte(line, '\n'); {
		case i < 0:
		case i == len(line)-1 && len(line) >= leastV1 && line[i-1] == '\r':
			return parseV1(string(line[:i-1]))
		default:
			return Header{}, corrupt("its line has no proper end")
		}
	}
}

// begins reports whether what has come of a header can be one.
func begins(b []byte, with string) bool {
	n := min(len(b), len(with))
	return string(b[:n]) == with[:n]
}

// cut is the error of a header that ended after n bytes.
func cut(n int, err error) error {
	if n > 0 && (err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return corrupt("it ends early")
	}
	return err
}

// parseV1 reads "PROXY TCP4 192.0.2.1 192.0.2.2 1234 1883".
func parseV1(line string) (Header, error) {
	words := strings.Split(line, " ")
	if words[1] == "UNKNOWN" { // whatever else it says is to be passed over
		return Header{}, nil
	}
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return Header{}, corrupt("it is not 'PROXY TCP4' or 'TCP6' and two addresses and ports")
	}
	var ends [2]netip.AddrPort
	for i := range ends {
		ip, err := netip.ParseAddr(words[2+i])
		if err != nil || ip.Zone() != "" || ip.Is4() != (words[1] == "TCP4") {
			return Header{}, corrupt("%q is no address of %s", words[2+i], words[1])
		}
		port, err := strconv.ParseUint(words[4+i], 10, 16)
		if err != nil || port == 0 || strconv.FormatUint(port, 10) != words[4+i] {
			return Header{}, corrupt("%q is no port", words[4+i])
		}
		ends[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return Header{Source: net.TCPAddrFromAddrPort(ends[0])}, nil
}

func readV2(r io.Reader) (Header, error) {
	fixed := make([]byte, 0, fixedV2)
	for len(fixed) < fixedV2 {
		n, err := r.Read(fixed[len(fixed):fixedV2])
		if n == 0 {
			return Header{}, cut(len(fixed), err)
		}
		if fixed = fixed[:len(fixed)+n]; !begins(fixed, signatureV2) {
			return Header{}, corrupt("it does not begin as one of version 2")
		}
	}
	n := int(binary.BigEndian.Uint16(fixed[14:]))
	if n > maxHeaderV2 {
		return Header{}, corrupt("it has %d bytes, at most %d are accepted", n, maxHeaderV2)
	}
	whole := append(fixed, make([]byte, n)...)
	if _, err := io.ReadFull(r, whole[fixedV2:]); err != nil {
		return Header{}, cut(fixedV2, err)
	}
	return parseV2(whole)
}

// parseV2 reads a whole header.
func parseV2(b []byte) (Header, error) {
	command, family, rest := b[12], b[13], b[fixedV2:]
	switch command {
	case 0x20: // LOCAL: the proxy itself, whatever else the header has
		return Header{}, nil
	case 0x21: // PROXY
	default:
		return Header{}, corrupt("its version and command are 0x%02x", command)
	}
	h := Header{}
	switch family {
	case 0x00: // somebody whom the proxy does not tell
	case 0x11, 0x21: // TCP over IPv4, IPv6
		size := 4
		if family == 0x21 {
			size = 16
		}
		if len(rest) < 2*size+4 {
			return Header{}, corrupt("its addresses are cut short")
		}
		ip, _ := netip.AddrFromSlice(rest[:size])
		h.Source = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(rest[2*size:])))
		rest = rest[2*size+4:]
	case 0x31: // a unix socket
		if len(rest) < 2*unixPathV2 {
			return Header{}, corrupt("its addresses are cut short")
		}
		path, _, _ := bytes.Cut(rest[:unixPathV2], []byte{0})
		h.Source = &net.UnixAddr{Name: string(path), Net: "unix"}
		rest = rest[2*unixPathV2:]
	default:
		return Header{}, corrupt("its family 0x%02x is none of streams", family)
	}
	return h, h.readTLVs(b, rest)
}

// readTLVs reads what may follow the addresses.
func (h *Header) readTLVs(whole, b []byte) error {
	for len(b) > 0 {
		kind, value, rest, err := nextTLV(b)
		if err != nil {
			return err
		}
		switch kind {
		case tlvCRC:
			if err := checkCRC(whole, len(whole)-len(rest)-len(value), value); err != nil {
				return err
			}
		case tlvTLS:
			if err := h.readTLS(value); err != nil {
				return err
			}
		default: // of no use here
		}
		b = rest
	}
	return nil
}

// nextTLV takes one field off b.
func nextTLV(b []byte) (kind byte, value, rest []byte, err error) {
	if len(b) < 3 {
		return 0, nil, nil, corrupt("its last field is cut short")
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	if len(b) < 3+n {
		return 0, nil, nil, corrupt("its field 0x%02x is cut short", b[0])
	}
	return b[0], b[3 : 3+n], b[3+n:], nil
}

// checkCRC compares the checksum at an offset of the header with that of the
// header without it.
func checkCRC(whole []byte, at int, value []byte) error {
	if len(value) != 4 {
		return corrupt("its checksum has %d bytes", len(value))
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, whole[:at])
	sum = crc32.Update(sum, table, make([]byte, 4))
	if sum = crc32.Update(sum, table, whole[at+4:]); sum != binary.BigEndian.Uint32(value) {
		return corrupt("its checksum is wrong")
	}
	return nil
}

// readTLS reads what a proxy says of a TLS connection.
func (h *Header) readTLS(b []byte) error {
	if len(b) < 5 {
		return corrupt("its field of TLS is cut short")
	}
	client, verify, rest := b[0], binary.BigEndian.Uint32(b[1:]), b[5:]
	h.TLS = client&clientTLS != 0
	h.Certificate = h.TLS && client&clientShown != 0 && verify == 0
	for len(rest) > 0 {
		kind, value, after, err := nextTLV(rest)
		if err != nil {
			return err
		}
		rest = after
		var into *string
		switch kind {
		case tlvVersion:
			into = &h.TLSVersion
		case tlvCipher:
			into = &h.Cipher
		case tlvName:
			into = &h.CommonName
		default: // of no use here
			continue
		}
		if !plain(value) {
			return corrupt("its field 0x%02x of TLS is no text", kind)
		}
		*into = string(value)
	}
	if !h.Certificate {
		h.CommonName = "" // of nobody who has shown that it is theirs
	}
	return nil
}

// plain reports whether a field is text that may become a name and stand in a
// log.
func plain(value []byte) bool {
	return len(value) <= maxTLVString && utf8.Valid(value) && bytes.IndexFunc(value, unicode.IsControl) < 0
}
