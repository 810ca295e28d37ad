package appliance

import (
	"net/netip"
	"strings"
	"testing"
)

const (
	ed25519Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdRSYG1ESqT+YVl+QDef97SO6BtloBztU8X+Fz+IlrE"
	someSum    = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

// machine is one that Check has nothing to say about.
func machine(target Target) Options {
	return Options{
		Target: target, Host: "mqtt", Address: netip.MustParsePrefix("192.168.1.9/24"), Gateway: netip.MustParseAddr("192.168.1.1"),
		Login: "alice", Keys: []string{ed25519Key}, User: "alice", PackageSHA256: someSum,
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	address := func(o *Options, address, gateway string) {
		o.Address, o.Gateway = netip.MustParsePrefix(address), netip.Addr{}
		if gateway != "" {
			o.Gateway = netip.MustParseAddr(gateway)
		}
	}
	for _, test := range []struct {
		name   string
		target Target
		change func(o *Options)
		want   string // empty: nothing is wrong
	}{
		{"as it is", CloudInit, func(*Options) {}, ""},
		{"no gateway", CloudInit, func(o *Options) { o.Gateway = netip.Addr{} }, ""},
		{"two addresses and no network address", CloudInit, func(o *Options) { address(o, "10.0.0.0/31", "10.0.0.1") }, ""},
		{"IPv6", CloudInit, func(o *Options) { address(o, "2001:db8::9/64", "fe80::1") }, ""},
		{"IPv6, router at the first address", CloudInit, func(o *Options) { address(o, "2001:db8::9/64", "2001:db8::") }, ""},
		{"another target", "preseed", func(*Options) {}, `no seed for "preseed"`},

		{"no address", CloudInit, func(o *Options) { o.Address = netip.Prefix{} }, "has no address: give it one with --address"},
		{"the network", CloudInit, func(o *Options) { address(o, "192.168.1.0/24", "") }, "address 192.168.1.0 is the network 192.168.1.0/24 itself: choose one from 192.168.1.1 to 192.168.1.254"},
		{"the broadcast address", CloudInit, func(o *Options) { address(o, "10.1.2.63/26", "") }, "address 10.1.2.63 is that of all machines of the network 10.1.2.0/26"},
		{"all routers", CloudInit, func(o *Options) { address(o, "2001:db8::/64", "") }, "is that of all routers"},
		{"loopback", CloudInit, func(o *Options) { address(o, "127.0.0.1/8", "") }, "no machine is reached by it"},
		{"multicast", CloudInit, func(o *Options) { address(o, "224.0.0.5/24", "") }, "no machine is reached by it"},
		{"link-local", CloudInit, func(o *Options) { address(o, "fe80::5/64", "") }, "no machine is reached by it"},
		{"no length", CloudInit, func(o *Options) { address(o, "192.168.1.9/0", "") }, "length 0"},
		{"gateway elsewhere", CloudInit, func(o *Options) { address(o, "192.168.1.9/24", "192.168.2.1") }, "gateway 192.168.2.1: it is not in the network 192.168.1.0/24"},
		{"gateway is the machine", CloudInit, func(o *Options) { address(o, "192.168.1.9/24", "192.168.1.9") }, "the machine's own address"},
		{"gateway is the network", CloudInit, func(o *Options) { address(o, "192.168.1.9/24", "192.168.1.0") }, "gateway 192.168.1.0 is the network"},
		{"gateway is everybody", CloudInit, func(o *Options) { address(o, "192.168.1.9/24", "192.168.1.255") }, "gateway 192.168.1.255 is that of all machines"},
		{"gateway of another family", CloudInit, func(o *Options) { address(o, "192.168.1.9/24", "fe80::1") }, "another family"},
		{"gateway with a zone", CloudInit, func(o *Options) { address(o, "2001:db8::9/64", "fe80::1%eth0") }, "leave out what follows the %"},
		{"name server is the machine", CloudInit, func(o *Options) { o.DNS = []netip.Addr{o.Address.Addr()} }, "name server 192.168.1.9: it is the machine itself"},
		{"name server nowhere", CloudInit, func(o *Options) { o.DNS = []netip.Addr{netip.IPv4Unspecified()} }, "nobody is reached"},
		{"interface", CloudInit, func(o *Options) { o.Interface = "eth 0" }, `interface "eth 0"`},
		{"interface by its MAC", CloudInit, func(o *Options) { o.Interface = "00:0D:B9:12:34:56" }, ""},
		{"interface by a long MAC", CloudInit, func(o *Options) { o.Interface = "00:0d:b9:12:34:56:78:9a" }, "nor a MAC address"},
		{"time server", CloudInit, func(o *Options) { o.NTP = []string{"192.168.1.1", "ntp_1"} }, "time server"},

		{"no name", CloudInit, func(o *Options) { o.Host = "" }, "it has 0 characters"},
		{"underscore in the name", CloudInit, func(o *Options) { o.Host = "my_broker" }, `"my_broker" is not made of letters, digits and hyphens`},
		{"hyphen at the end", CloudInit, func(o *Options) { o.Host = "mqtt-.example.org" }, `"mqtt-" is not made of`},
		{"two dots", CloudInit, func(o *Options) { o.Host = "mqtt..org" }, "a part without a character"},
		{"a long part", CloudInit, func(o *Options) { o.Host = strings.Repeat("a", 64) }, "a part of 64 characters"},
		{"a long name", CloudInit, func(o *Options) { o.Host = strings.Repeat("a.", 127) + "a" }, "it has 255 characters"},
		{"the longest name", CloudInit, func(o *Options) { o.Host = strings.Repeat("a.", 126) + "a" }, ""},
		{"an address as a name", CloudInit, func(o *Options) { o.Host = "192.168.1.9" }, "is an address"},
		{"localhost", CloudInit, func(o *Options) { o.Host = "localhost" }, "every machine is localhost"},
		{"a domain", CloudInit, func(o *Options) { o.Host = "Mqtt.Example.org" }, ""},

		{"root", CloudInit, func(o *Options) { o.Login = "root" }, `"root" belongs to the system`},
		{"the broker's user", CloudInit, func(o *Options) { o.Login = "zancudo" }, "belongs to the system"},
		{"a capital letter", CloudInit, func(o *Options) { o.Login = "Alice" }, "small letters"},
		{"no key", CloudInit, func(o *Options) { o.Keys = nil }, "there is no SSH key, so nobody could log in"},
		{"no user", CloudInit, func(o *Options) { o.User = "" }, "first user has no name"},

		{"no checksum", CloudInit, func(o *Options) { o.PackageSHA256 = "" }, "'sha256sum zancudo.deb' prints it"},
		{"half a checksum", CloudInit, func(o *Options) { o.PackageSHA256 = someSum[:32] }, "is no SHA-256 checksum"},
		{"a URL", CloudInit, func(o *Options) { o.PackageURL = "https://example.org/zancudo.deb" }, ""},
		{"no URL", CloudInit, func(o *Options) { o.PackageURL = "ftp://example.org/zancudo.deb" }, "begins with https://"},
		{"a URL and no way there", CloudInit, func(o *Options) { o.PackageURL, o.Gateway = "https://example.org/z.deb", netip.Addr{} }, "without a gateway"},
		{"a URL next door", CloudInit, func(o *Options) { o.PackageURL, o.Gateway = "http://192.168.1.2:8000/z.deb", netip.Addr{} }, ""},

		{"a disk by path", Autoinstall, func(o *Options) { o.Disk = "/dev/disk/by-id/ata-SanDisk_SDCFH-008G_1234" }, ""},
		{"a disk by kind", Autoinstall, func(o *Options) { o.Disk = "mmc:smallest" }, ""},
		{"no disk", Autoinstall, func(o *Options) { o.Disk = "sda" }, `disk of the system: "sda" is no disk`},
		{"no serial", Autoinstall, func(o *Options) { o.Disk = "serial:" }, "is no disk"},
		{"no order", Autoinstall, func(o *Options) { o.Disk = "ata:fastest" }, "is no disk"},
		{"var nowhere", Autoinstall, func(o *Options) { o.VarDisk, o.Firmware = "second", BIOS }, `disk of /var: "second"`},
		{"the same disk", Autoinstall, func(o *Options) { o.Disk, o.VarDisk, o.Firmware = "/dev/sda", "/dev/sda", BIOS }, "both to be on /dev/sda"},
		{"the same disk, unsaid", Autoinstall, func(o *Options) { o.VarDisk, o.Firmware = "ata", BIOS }, "both to be on ata"},
		{"the same disk, said twice", Autoinstall, func(o *Options) { o.VarDisk, o.Firmware = "ata:largest", BIOS }, "both to be on ata:largest"},
		{"two of a kind", Autoinstall, func(o *Options) { o.Disk, o.VarDisk, o.Firmware = "ata:smallest", "ata", BIOS }, ""},
		{"a disk and a partition", Autoinstall, func(o *Options) { o.VarDisk, o.VarSize = "nvme", "4G" }, "not both"},
		{"no size", Autoinstall, func(o *Options) { o.VarSize, o.Firmware = "4 GB", BIOS }, `"4 GB" is no size`},
		{"a small size", Autoinstall, func(o *Options) { o.VarSize, o.Firmware = "1023M", BIOS }, "too small"},
		{"size enough", Autoinstall, func(o *Options) { o.VarSize, o.Firmware = "1024M", UEFI }, ""},
		{"unknown firmware", Autoinstall, func(o *Options) { o.VarSize = "4G" }, "say --firmware bios or --firmware uefi"},
		{"firmware of another kind", Autoinstall, func(o *Options) { o.VarSize, o.Firmware = "4G", "coreboot" }, `not "coreboot"`},
		{"firmware for nothing", Autoinstall, func(o *Options) { o.Firmware = BIOS }, "otherwise the installer finds out by itself"},
		{"a disk for an image", CloudInit, func(o *Options) { o.Disk = "ata" }, "--disk is for autoinstall"},
		{"a partition in an image", CloudInit, func(o *Options) { o.VarSize = "4G" }, "--var-size is for autoinstall"},
		{"firmware of an image", CloudInit, func(o *Options) { o.Firmware = BIOS }, "--firmware is for autoinstall"},
		{"var for an image, by kind", CloudInit, func(o *Options) { o.VarDisk = "ata" }, `"ata" is no path of a disk`},
		{"var for an image", CloudInit, func(o *Options) { o.VarDisk = "/dev/sda" }, ""},

		{"watchdog", CloudInit, func(o *Options) { o.Watchdog = "iTCO_wdt; reboot" }, "no name of a kernel module"},
		{"journal", CloudInit, func(o *Options) { o.Journal = "paper" }, `not in "paper"`},
	} {
		o := machine(test.target)
		test.change(&o)
		err := o.Check()
		if got := errorText(err); (test.want == "") != (err == nil) || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.168.1.9/24":            "",
		"192.168.1.9":               "it is 192.168.1.9/24",
		"2001:db8::9":               "it is 2001:db8::9/64",
		"192.168.1.9/255.255.255.0": "255.255.255.0 is /24",
		"192.168.1.9/33":            "is no address",
		"192.168.1.256/24":          "is no address",
		"192.168.01.9/24":           "is no address",
		"mqtt":                      "is no address",
		"":                          "is no address",
	} {
		p, err := ParseAddress(text)
		if got := errorText(err); (want == "") != (err == nil) || !strings.Contains(got, want) || err == nil && p.String() != text {
			t.Errorf("%s: got %v, %q, want %q", text, p, got, want)
		}
	}
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	keys, err := ParseKeys([]byte("# mine\n\n" + ed25519Key + " me@laptop\n" + `from="192.168.1.0/24",no-pty ` + ed25519Key + "\n"))
	if err != nil || len(keys) != 2 || keys[0] != ed25519Key+" me@laptop" || keys[1] != `from="192.168.1.0/24",no-pty `+ed25519Key {
		t.Errorf("got %q, %v", keys, err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"nothing":     {"# none\n", "no key in it"},
		"a word":      {"secret", "is no public key"},
		"cut":         {ed25519Key[:60], "is no public key"},
		"another":     {strings.Replace(ed25519Key, "ssh-ed25519", "ssh-rsa", 1), "is no public key"},
		"private":     {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n", "private key, which never leaves"},
		"one is good": {ed25519Key + "\nssh-ed25519 AAAA\n", "is no public key"},
	} {
		if keys, err := ParseKeys([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %q, %v, want %q", name, keys, err, test.want)
		}
	}
}
