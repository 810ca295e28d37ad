package appliance

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Package is what a Debian package says of itself. Version and Architecture are
// empty where it is compressed in a way that is not read here.
type Package struct{ Name, Version, Architecture string }

const (
	arMagic  = "!<arch>\n"
	arHeader = 60
	// controlMost is more than any control file has.
	controlMost = 1 << 20
)

// ReadPackage reads what a Debian package says of itself, and refuses what is
// none, or another's.
func ReadPackage(deb []byte) (Package, error) {
	none := errors.New("it is no Debian package")
	rest, ok := bytes.CutPrefix(deb, []byte(arMagic))
	if !ok {
		return Package{}, none
	}
	var p Package
	found := map[string]bool{}
	for len(rest) >= arHeader {
		name := strings.TrimRight(strings.TrimRight(string(rest[:16]), " "), "/")
		n, err := strconv.ParseInt(strings.TrimRight(string(rest[48:58]), " "), 10, 64)
		if err != nil || n < 0 {
			return Package{}, none
		}
		if n > int64(len(rest)-arHeader) {
			return Package{}, errors.New("its end is missing")
		}
		body := rest[arHeader:][:n]
		rest = rest[min(int64(len(rest)), arHeader+n+n%2):]
		member, _, _ := strings.Cut(name, ".")
		found[member] = true
		if name == "control.tar.gz" {
			if p, err = readControl(body); err != nil {
				return Package{}, err
			}
		}
	}
	if !found["debian-binary"] || !found["control"] || !found["data"] {
		return Package{}, none
	}
	if p.Name != "" && p.Name != "zancudo" {
		return Package{}, fmt.Errorf("it is the package %s, not zancudo", p.Name)
	}
	return p, nil
}

func readControl(body []byte) (p Package, err error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return p, fmt.Errorf("read its description: %w", err)
	}
	t := tar.NewReader(io.LimitReader(z, controlMost))
	for {
		h, err := t.Next()
		if err != nil {
			return p, fmt.Errorf("read its description: %w", err)
		}
		if strings.TrimPrefix(h.Name, "./") == "control" {
			break
		}
	}
	text, err := io.ReadAll(t)
	if err != nil {
		return p, fmt.Errorf("read its description: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		word, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch word {
		case "Package":
			p.Name = value
		case "Version":
			p.Version = value
		case "Architecture":
			p.Architecture = value
		}
	}
	return p, nil
}
