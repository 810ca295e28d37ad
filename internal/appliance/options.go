package appliance

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Target is what reads the seed.
type Target string

// The targets.
const (
	Autoinstall Target = "autoinstall" // the installer of Ubuntu Server
	CloudInit   Target = "cloud-init"  // an image that brings cloud-init
)

// Journal is where the log of the machine is kept.
type Journal string

// The places of the log.
const (
	Memory Journal = "memory"
	Disk   Journal = "disk"
)

// Firmware is how the machine starts its boot loader.
type Firmware string

// The kinds of firmware.
const (
	BIOS Firmware = "bios"
	UEFI Firmware = "uefi"
)

// Options are what a machine shall be. The comments say what zero means.
type Options struct {
	Target Target

	Host      string       // its name, with or without a domain
	Address   netip.Prefix // its address, with the length of its network
	Gateway   netip.Addr   // the way to other networks; zero: there is none
	DNS       []netip.Addr // nil: the gateway
	Interface string       // a name, a pattern of names or a MAC address; empty: any Ethernet
	NTP       []string     // nil: those of the distribution

	Login string   // who may log in by SSH and become root
	Keys  []string // whose keys, as lines of an authorized_keys file; at least one

	User               string // the first user of the broker, who may do everything
	Plain              bool   // clients without TLS, too
	ClientCertificates bool

	PackageSHA256 string // in hexadecimal digits
	PackageURL    string // where the package is fetched from; empty: it lies in the seed as PackageName

	Disk     string   // where an installer puts the system; see ParseDisk
	VarDisk  string   // where /var is; empty: with the system
	VarSize  string   // of a partition for /var beside the system; empty: none
	Firmware Firmware // empty: the installer finds out, which it cannot where /var is apart

	Journal  Journal // empty: Memory
	Updates  bool    // security updates of the distribution every night
	Watchdog string  // the kernel's module of the watchdog, or "auto"; empty: none
}

// PackageName is the name of the broker's package in a seed.
const PackageName = "zancudo.deb"

// Check says what cannot be, and what to do about it.
func (o *Options) Check() error {
	for _, check := range []func() error{o.checkTarget, o.checkHost, o.CheckNetwork, o.checkLogin, o.checkPackage, o.CheckDisks, o.checkExtras} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) checkTarget() error {
	if o.Target != Autoinstall && o.Target != CloudInit {
		return fmt.Errorf("there is no seed for %q, only for %s and %s", o.Target, Autoinstall, CloudInit)
	}
	return nil
}

func (o *Options) checkHost() error {
	if err := CheckHost(o.Host); err != nil {
		return fmt.Errorf("name of the machine: %w", err)
	}
	return nil
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// CheckHost says why a machine cannot have a name [RFC 1123].
func CheckHost(name string) error {
	if name == "" || len(name) > 253 {
		return fmt.Errorf("it has %d characters, and a name has 1 to 253", len(name))
	}
	for part := range strings.SplitSeq(strings.ToLower(name), ".") {
		switch {
		case part == "":
			return fmt.Errorf("%q has a part without a character: a dot stands between two parts only", name)
		case len(part) > 63:
			return fmt.Errorf("%q has a part of %d characters, and 63 are allowed", name, len(part))
		case !label.MatchString(part):
			return fmt.Errorf("%q: %q is not made of letters, digits and hyphens, with a letter or digit first and last", name, part)
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return fmt.Errorf("%q is an address: give the machine a name, such as mqtt", name)
	}
	if strings.EqualFold(name, "localhost") {
		return errors.New("every machine is localhost to itself: give it a name of its own, such as mqtt")
	}
	return nil
}

// taken are users that every Debian or Ubuntu has, or groups that a user of that
// name would collide with.
var taken = []string{
	"root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "www-data", "backup", "list", "irc", "nobody",
	"adm", "admin", "sudo", "users", "staff", "operator", "sshd", "syslog", "messagebus", "zancudo", "mosquitto",
}

var login = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// CheckLogin says why a user of the machine cannot have a name.
func CheckLogin(name string) error {
	switch {
	case !login.MatchString(name):
		return fmt.Errorf("%q is not made of up to 32 small letters, digits, hyphens and underscores, with a letter first", name)
	case slices.Contains(taken, name) || strings.HasPrefix(name, "systemd-"):
		return fmt.Errorf("%q belongs to the system: choose another name", name)
	}
	return nil
}

// ParseKeys takes the lines of an authorized_keys file, or of a public key, and
// returns the keys with their comments.
func ParseKeys(text []byte) ([]string, error) {
	if strings.Contains(string(text), "PRIVATE KEY-----") {
		return nil, errors.New("it is a private key, which never leaves its machine: give the file beside it that ends in .pub")
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("%q is no public key of SSH, which looks like 'ssh-ed25519 AAAA… name': 'ssh-keygen -t ed25519' makes one", shortened(line))
		}
		if key.Type() == "ssh-dss" {
			return nil, errors.New("it is a DSA key, which no SSH server takes any more: 'ssh-keygen -t ed25519' makes one that it does")
		}
		var words []string
		if len(options) > 0 {
			words = []string{strings.Join(options, ",")}
		}
		words = append(words, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
		if comment != "" {
			words = append(words, comment)
		}
		all = append(all, strings.Join(words, " "))
	}
	if all == nil {
		return nil, errors.New("there is no key in it: 'ssh-keygen -t ed25519' makes one")
	}
	return all, nil
}

func shortened(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

func (o *Options) checkLogin() error {
	if err := CheckLogin(o.Login); err != nil {
		return fmt.Errorf("user who logs in: %w", err)
	}
	if len(o.Keys) == 0 {
		return errors.New("there is no SSH key, so nobody could log in: name one with --ssh-key")
	}
	if o.User == "" {
		return errors.New("the broker's first user has no name")
	}
	return nil
}

func (o *Options) checkPackage() error {
	if sum, err := hex.DecodeString(o.PackageSHA256); err != nil || len(sum) != 32 {
		return fmt.Errorf("%q is no SHA-256 checksum, which has 64 hexadecimal digits: 'sha256sum %s' prints it", o.PackageSHA256, cmp.Or(o.PackageURL, PackageName))
	}
	if o.PackageURL == "" {
		return nil
	}
	u, err := url.Parse(o.PackageURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no address of a package: it begins with https:// or http://", o.PackageURL)
	}
	if !o.Gateway.IsValid() {
		host, err := netip.ParseAddr(u.Hostname())
		if err != nil || !o.Address.Contains(host) {
			return fmt.Errorf("without a gateway the machine cannot fetch %s: name the gateway, or put the package on the stick", o.PackageURL)
		}
	}
	return nil
}

var module = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`)

func (o *Options) checkExtras() error {
	if o.Watchdog != "" && !module.MatchString(o.Watchdog) {
		return fmt.Errorf("%q is no name of a kernel module: it is one such as iTCO_wdt or sp5100_tco, or auto", o.Watchdog)
	}
	if o.Journal != "" && o.Journal != Memory && o.Journal != Disk {
		return fmt.Errorf("the log is kept in %s or on %s, not in %q", Memory, Disk, o.Journal)
	}
	for _, server := range o.NTP {
		if _, err := netip.ParseAddr(server); err == nil {
			continue
		}
		if err := CheckHost(server); err != nil {
			return fmt.Errorf("time server: %w", err)
		}
	}
	return nil
}
