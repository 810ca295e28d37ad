package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

func source(ip string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: port} }

// v2 is a header of version 2.
func v2(command, family byte, rest ...[]byte) string {
	b := append([]byte(signatureV2), command, family, 0, 0)
	b = append(b, bytes.Join(rest, nil)...)
	binary.BigEndian.PutUint16(b[14:], uint16(len(b)-fixedV2))
	return string(b)
}

func tlv(kind byte, value ...[]byte) []byte {
	whole := bytes.Join(value, nil)
	return append([]byte{kind, byte(len(whole) >> 8), byte(len(whole))}, whole...)
}

var (
	ends4 = []byte{192, 0, 2, 5, 127, 0, 0, 1, 0x18, 0x83, 0x04, 0xd2}
	ends6 = append(append(append([]byte(nil), net.ParseIP("2001:db8::5")...), net.ParseIP("::1")...), 0x18, 0x83, 0x04, 0xd2)
	unix2 = append(append([]byte("/run/client"), make([]byte, 97)...), make([]byte, 108)...)
)

// tlsField is the field of a client with a verified certificate.
func tlsField(client byte, verify uint32, more ...[]byte) []byte {
	return tlv(tlvTLS, append([][]byte{{client}, binary.BigEndian.AppendUint32(nil, verify)}, more...)...)
}

// summed adds a checksum to a header.
func summed(header string, wrong byte) string {
	b := append([]byte(header), tlv(tlvCRC, make([]byte, 4))...)
	binary.BigEndian.PutUint16(b[14:], uint16(len(b)-fixedV2))
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(b[len(b)-4:], sum)
	b[len(b)-1] ^= wrong
	return string(b)
}

// text is all that a header says, by which two can be compared.
func text(h Header) string { return fmt.Sprintf("%+v", h) }

func TestHeader(t *testing.T) {
	t.Parallel()
	version, name, cipher := tlv(tlvVersion, []byte("TLSv1.3")), tlv(tlvName, []byte("sensor")), tlv(tlvCipher, []byte("TLS_AES_128_GCM_SHA256"))
	withTLS := Header{Source: source("192.0.2.5", 6275), TLS: true, TLSVersion: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"}
	withName := withTLS
	withName.Certificate, withName.CommonName = true, "sensor"
	for _, tt := range []struct {
		name    string
		version int
		text    string
		want    Header
	}{
		{"v1 ipv4", 1, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n", Header{Source: source("192.0.2.5", 6275)}},
		{"v1 ipv6", 1, "PROXY TCP6 2001:db8::5 ::1 6275 1234\r\n", Header{Source: source("2001:db8::5", 6275)}},
		{"v1 longest", 1, "PROXY TCP6 " + strings.Repeat("ffff:", 7) + "ffff " + strings.Repeat("ffff:", 7) + "ffff 65535 65535\r\n", Header{Source: source(strings.Repeat("ffff:", 7)+"ffff", 65535)}},
		{"v1 unknown", 1, "PROXY UNKNOWN\r\n", Header{}},
		{"v1 unknown, with what is passed over", 1, "PROXY UNKNOWN ffff::1 whatever\r\n", Header{}},
		{"v2 ipv4", 2, v2(0x21, 0x11, ends4), Header{Source: source("192.0.2.5", 6275)}},
		{"v2 ipv6", 2, v2(0x21, 0x21, ends6), Header{Source: source("2001:db8::5", 6275)}},
		{"v2 unix", 2, v2(0x21, 0x31, unix2), Header{Source: &net.UnixAddr{Name: "/run/client", Net: "unix"}}},
		{"v2 unspecified", 2, v2(0x21, 0x00), Header{}},
		{"v2 local", 2, v2(0x20, 0x00), Header{}},
		{"v2 local, with what is passed over", 2, v2(0x20, 0x11, ends4, []byte{1}), Header{}},
		{"v2 other fields", 2, v2(0x21, 0x11, ends4, tlv(0x04), tlv(0x05, []byte("id")), tlv(0xE0, []byte{0, 1})), Header{Source: source("192.0.2.5", 6275)}},
		{"v2 tls", 2, v2(0x21, 0x11, ends4, tlsField(1, 1, version, cipher)), withTLS},
		{"v2 tls with certificate", 2, v2(0x21, 0x11, ends4, tlsField(7, 0, version, name, cipher)), withName},
		{"v2 tls, certificate of the session", 2, v2(0x21, 0x11, ends4, tlsField(5, 0, version, name, cipher)), withName},
		{"v2 tls, name of a certificate that was not verified", 2, v2(0x21, 0x11, ends4, tlsField(7, 1, version, name, cipher)), withTLS},
		{"v2 tls, name without a certificate", 2, v2(0x21, 0x11, ends4, tlsField(1, 0, version, name, cipher)), withTLS},
		{"v2 no tls", 2, v2(0x21, 0x11, ends4, tlsField(0, 1)), Header{Source: source("192.0.2.5", 6275)}},
		{"v2 checksum", 2, summed(v2(0x21, 0x11, ends4), 0), Header{Source: source("192.0.2.5", 6275)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const next = "\x10\x0eCONNECT"
			for way, wrap := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "by bytes": iotest.OneByteReader, "by halves": iotest.HalfReader,
			} {
				r := strings.NewReader(tt.text + next)
				got, err := readHeader(wrap(r), tt.version)
				if err != nil {
					t.Fatalf("%s: %v", way, err)
				}
				if text(got) != text(tt.want) {
					t.Errorf("%s:\ngot  %s\nwant %s", way, text(got), text(tt.want))
				}
				if rest, _ := io.ReadAll(r); string(rest) != next {
					t.Errorf("%s: %q is left for the connection, want %q", way, rest, next)
				}
			}
		})
	}
}

func TestCorruptHeader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		version int
		text    string
	}{
		{"v1 transport", 1, "PROXY TCP3 192.0.2.5 127.0.0.1 6275 1234\r\n"},
		{"v1 too long", 1, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234" + strings.Repeat(" ", 70) + "\r\n"},
		{"v1 spaces", 1, "PROXY TCP4 192.0.2.5  127.0.0.1 6275 1234\r\n"},
		{"v1 space at the end", 1, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234 \r\n"},
		{"v1 no destination port", 1, "PROXY TCP4 192.0.2.5 127.0.0.1 6275\r\n"},
		{"v1 no ports", 1, "PROXY TCP4 192.0.2.5 127.0.0.1\r\n"},
		{"v1 nothing", 1, "PROXY TCP4 \r\n"},
		{"v1 less", 1, "PROXY\r\n"},
		{"v1 port 0", 1, "PROXY TCP4 192.0.2.5 127.0.0.1 0 1234\r\n"},
		{"v1 port 65536", 1, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 65536\r\n"},
		{"v1 port with a zero", 1, "PROXY TCP4 192.0.2.5 127.0.0.1 06275 1234\r\n"},
		{"v1 port with a sign", 1, "PROXY TCP4 192.0.2.5 127.0.0.1 +6275 1234\r\n"},
		{"v1 address", 1, "PROXY TCP4 192.0.2.256 127.0.0.1 6275 1234\r\n"},
		{"v1 other family", 1, "PROXY TCP6 192.0.2.5 127.0.0.1 6275 1234\r\n"},
		{"v1 zone", 1, "PROXY TCP6 fe80::1%eth0 ::1 6275 1234\r\n"},
		{"v1 bare line feed", 1, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\n"},
		{"v1 case", 1, "proxy TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n"},
		{"v1 cut", 1, "PROXY TCP4 192.0.2.5"},
		{"v1 mqtt", 1, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"},
		{"v1 of version 2", 1, v2(0x21, 0x11, ends4)},
		{"v2 of version 1", 2, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n"},
		{"v2 mqtt", 2, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"},
		{"v2 version", 2, v2(0x31, 0x11, ends4)},
		{"v2 command", 2, v2(0x22, 0x11, ends4)},
		{"v2 datagrams", 2, v2(0x21, 0x12, ends4)},
		{"v2 no addresses", 2, v2(0x21, 0x11)},
		{"v2 short addresses", 2, v2(0x21, 0x21, ends4)},
		{"v2 short unix addresses", 2, v2(0x21, 0x31, unix2[:200])},
		{"v2 cut", 2, v2(0x21, 0x11, ends4)[:20]},
		{"v2 cut early", 2, v2(0x21, 0x11, ends4)[:5]},
		{"v2 too long", 2, v2(0x21, 0x11, ends4, make([]byte, maxHeaderV2))},
		{"v2 field cut", 2, v2(0x21, 0x11, ends4, []byte{0x04, 0})},
		{"v2 field longer than all", 2, v2(0x21, 0x11, ends4, []byte{0x04, 0, 9, 1})},
		{"v2 tls cut", 2, v2(0x21, 0x11, ends4, tlv(tlvTLS, []byte{1, 0, 0}))},
		{"v2 tls field cut", 2, v2(0x21, 0x11, ends4, tlsField(1, 0, []byte{tlvName, 0, 9, 'x'}))},
		{"v2 name with a line", 2, v2(0x21, 0x11, ends4, tlsField(7, 0, tlv(tlvName, []byte("a\nb"))))},
		{"v2 name that is no text", 2, v2(0x21, 0x11, ends4, tlsField(7, 0, tlv(tlvName, []byte("a\xff"))))},
		{"v2 name without end", 2, v2(0x21, 0x11, ends4, tlsField(7, 0, tlv(tlvName, bytes.Repeat([]byte{'x'}, maxTLVString+1))))},
		{"v2 checksum", 2, summed(v2(0x21, 0x11, ends4), 1)},
		{"v2 checksum of another size", 2, v2(0x21, 0x11, ends4, tlv(tlvCRC, []byte{1}))},
	} {
		if h, err := readHeader(strings.NewReader(tt.text), tt.version); !errors.Is(err, ErrCorruptHeader) {
			t.Errorf("%s: got %+v and %v, want %v", tt.name, h, err, ErrCorruptHeader)
		}
	}
	for version := 1; version <= 2; version++ {
		if _, err := readHeader(strings.NewReader(""), version); !errors.Is(err, io.EOF) || errors.Is(err, ErrCorruptHeader) {
			t.Errorf("without a byte: got %v, want %v", err, io.EOF)
		}
	}
}

// What is wrong shows at the byte that is: nobody waits for what need not come.
func TestCorruptAtOnce(t *testing.T) {
	t.Parallel()
	silent := iotest.ErrReader(errors.New("it waits for more"))
	for _, tt := range []struct {
		version int
		text    string
	}{{1, "\x10"}, {1, "PROXY\r\n"}, {1, "PROXY TCP4 \r\n"}, {2, "\x10"}, {2, "\r\nP"}} {
		if _, err := readHeader(io.MultiReader(strings.NewReader(tt.text), silent), tt.version); !errors.Is(err, ErrCorruptHeader) {
			t.Errorf("%q: got %v", tt.text, err)
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, text := range []string{
		"PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\nrest", "PROXY UNKNOWN\r\n", v2(0x20, 0), v2(0x21, 0x11, ends4) + "rest",
		v2(0x21, 0x21, ends6, tlsField(7, 0, tlv(tlvName, []byte("x")))), summed(v2(0x21, 0x31, unix2), 0),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for version := 1; version <= 2; version++ {
			whole, at := bytes.NewReader(b), bytes.NewReader(b)
			got, err := readHeader(whole, version)
			again, err2 := readHeader(iotest.OneByteReader(at), version)
			if (err == nil) != (err2 == nil) {
				t.Fatalf("in one piece %v, by bytes %v", err, err2)
			}
			if err != nil {
				continue
			}
			if text(got) != text(again) || whole.Len() != at.Len() {
				t.Fatalf("in one piece %s, by bytes %s", text(got), text(again))
			}
			used := len(b) - whole.Len()
			if version == 1 && !bytes.HasSuffix(b[:used], []byte("\r\n")) || used > fixedV2+maxHeaderV2 {
				t.Fatalf("a header of %d bytes", used)
			}
			if got.CommonName != "" && !got.Certificate {
				t.Fatal("a name without a certificate")
			}
		}
	})
}
