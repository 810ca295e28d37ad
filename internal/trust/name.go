package trust

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxName is how many bytes the name of a user may have.
const maxName = 1024

// CommonName is the first common name of a certificate's subject, checked as
// CheckName does.
func CommonName(c *x509.Certificate) (string, error) {
	sets, err := parseName(c.RawSubject)
	if err != nil {
		return "", err
	}
	for _, set := range sets {
		for _, a := range set {
			if a.Type.Equal(oidCommonName) {
				text, ok := a.text()
				if !ok {
					return "", errors.New("the common name is no text")
				}
				return text, CheckName(text)
			}
		}
	}
	return "", errors.New("the certificate has no common name")
}

// Subject is the whole subject of a certificate as OpenSSL prints it for RFC
// 2253, the last part first: CN=pump,O=Works. It is checked as CheckName does.
func Subject(c *x509.Certificate) (string, error) {
	sets, err := parseName(c.RawSubject)
	if err != nil {
		return "", err
	}
	var b []byte
	for i, set := range slices.Backward(sets) {
		if i < len(sets)-1 {
			b = append(b, ',')
		}
		for j, a := range slices.Backward(set) {
			if j < len(set)-1 {
				b = append(b, '+')
			}
			b = a.append(b)
		}
	}
	return string(b), CheckName(string(b))
}

// CheckName reports whether a text may be the name of a user. Wildcards would
// make rules that are written with the name mean something else.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the name has %d bytes, at most %d are possible", len(name), maxName)
	case !utf8.ValidString(name):
		return errors.New("the name is not valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("the name has a control character")
	case strings.ContainsAny(name, "+#"):
		return fmt.Errorf("the name %q has a wildcard", name)
	}
	return nil
}

// attribute is a part of a name.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type relativeNameSET []attribute // encoding/asn1 knows a set by this ending

func parseName(der []byte) (sets []relativeNameSET, err error) {
	rest, err := asn1.Unmarshal(der, &sets)
	if err == nil && len(rest) > 0 {
		err = errors.New("something follows")
	}
	if err != nil {
		return nil, fmt.Errorf("the subject does not parse: %w", err)
	}
	return sets, nil
}

// text is the value as UTF-8, if it is a text.
func (a *attribute) text() (text string, ok bool) {
	b := a.Value.Bytes
	if a.Value.Class != asn1.ClassUniversal {
		return "", false
	}
	switch a.Value.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString, tagVisibleString:
		return string(b), true
	case asn1.TagT61String: // taken for Latin-1, as everybody does
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return string(runes), true
	case asn1.TagBMPString:
		if len(b)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		}
		return string(utf16.Decode(units)), true
	}
	return "", false
}

const tagVisibleString = 26

// append appends TYPE=VALUE. What OpenSSL has no name for, or is no text, is
// written as its bytes.
func (a *attribute) append(b []byte) []byte {
	name, known := attributeNames[a.Type.String()]
	text, isText := a.text()
	if !known {
		name = a.Type.String()
	}
	b = append(append(b, name...), '=')
	if !known || !isText {
		return hex.AppendEncode(append(b, '#'), a.Value.FullBytes)
	}
	for i, c := range []byte(text) {
		ends := i == 0 || i == len(text)-1
		switch {
		case strings.IndexByte(`,+"\<>;`, c) >= 0, c == '#' && i == 0, c == ' ' && ends:
			b = append(b, '\\', c)
		case c < ' ', c >= 0x7F:
			b = fmt.Appendf(b, `\%02X`, c)
		default:
			b = append(b, c)
		}
	}
	return b
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// attributeNames are OpenSSL's short names.
var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description", "2.5.4.15": "businessCategory",
	"2.5.4.17": "postalCode", "2.5.4.20": "telephoneNumber", "2.5.4.41": "name", "2.5.4.42": "GN", "2.5.4.43": "initials",
	"2.5.4.44": "generationQualifier", "2.5.4.45": "x500UniqueIdentifier", "2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym",
	"2.5.4.97": "organizationIdentifier", "1.2.840.113549.1.9.1": "emailAddress", "1.2.840.113549.1.9.2": "unstructuredName",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
}
