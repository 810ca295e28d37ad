package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/appliance"
)

const shelfKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdRSYG1ESqT+YVl+QDef97SO6BtloBztU8X+Fz+IlrE"

// shelfPackage is the smallest thing that is a Debian package of the broker.
func shelfPackage(t *testing.T) []byte {
	t.Helper()
	const control = "Package: zancudo\nVersion: 1.2\nArchitecture: amd64\n"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: "./control", Mode: 0o644, Size: int64(len(control))})
	if err == nil {
		_, err = w.Write([]byte(control))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	deb := bytes.NewBufferString("!<arch>\n")
	for _, member := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", packed.Bytes()}, {"data.tar.gz", nil}} {
		fmt.Fprintf(deb, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", member.name, 0, 0, 0, 0o644, len(member.data))
		deb.Write(member.data)
		if len(member.data)%2 == 1 {
			deb.WriteByte('\n')
		}
	}
	return deb.Bytes()
}

// newShelf is a directory with a key and a package.
func newShelf(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{t, t.TempDir()}
	for name, data := range map[string][]byte{"key.pub": []byte(shelfKey + " me@laptop\n"), "zancudo.deb": shelfPackage(t)} {
		if err := os.WriteFile(filepath.Join(w.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

const shelfLine = "zancudo appliance DIR/stick --yes --address 192.168.1.9/24 --gateway 192.168.1.1 --login alice --ssh-key DIR/key.pub --package DIR/zancudo.deb"

func TestAppliance(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	said := w.must(shelfLine + " --image DIR/stick.img")
	for _, want := range []string{
		"192.168.1.9/24", "alice, with 1 SSH key", "zancudo 1.2 for amd64", "It ERASES ata.", "ssh alice@192.168.1.9 sudo cat /root/zancudo.txt", "DIR/stick.img to a stick",
	} {
		if !strings.Contains(w.mask(said), want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	for name, mode := range map[string]fs.FileMode{"stick": 0o700, "stick/user-data": 0o600, "stick/meta-data": 0o600, "stick/zancudo.deb": 0o600, "stick.img": 0o600} {
		if info, err := os.Stat(filepath.Join(w.dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
	userData := func() string {
		text, err := os.ReadFile(filepath.Join(w.dir, "stick", "user-data"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := userData()
	if !strings.Contains(before, "autoinstall:") || !strings.Contains(before, shelfKey+" me@laptop") {
		t.Errorf("user-data is\n%s", before)
	}
	// What is there stays, all of it, unless it is said otherwise.
	other := strings.Replace(shelfLine, "--address 192.168.1.9/24", "--for cloud-init --address 192.168.1.10/24", 1)
	if status, _, stderr := w.run(other, ""); status == 0 || !strings.Contains(stderr, "user-data exists already: choose another name, or replace it with --overwrite") || userData() != before {
		t.Errorf("status %d, %s", status, stderr)
	}
	if status, _, stderr := w.run(strings.Replace(shelfLine, "DIR/stick ", "DIR/other ", 1)+" --image DIR/stick.img", ""); status == 0 || !strings.Contains(stderr, "stick.img exists already") {
		t.Errorf("status %d, %s", status, stderr)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "other")); err == nil {
		t.Error("half a seed is written")
	}
	w.must(other + " --overwrite")
	if got := userData(); got == before || strings.Contains(got, "autoinstall:") {
		t.Errorf("user-data is\n%s", got)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "stick", "network-config")); err != nil {
		t.Error(err)
	}
	w.must(shelfLine + " --overwrite")
	if _, err := os.Stat(filepath.Join(w.dir, "stick", "network-config")); err == nil {
		t.Error("the network-config of another seed is left")
	}
}

func TestApplianceCommandLine(t *testing.T) {
	t.Parallel()
	without := func(flag string) string {
		before, rest, _ := strings.Cut(shelfLine, " "+flag+" ")
		_, after, _ := strings.Cut(rest+" ", " ")
		return before + " " + after
	}
	w := newShelf(t)
	for name, text := range map[string]string{"none.deb": "<html>", "secret": "-----BEGIN OPENSSH PRIVATE KEY-----\n"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for line, want := range map[string]string{
		without("--address"):                                                                            "The machine needs an address: --address 192.168.1.9/24",
		without("--address") + " --address 192.168.1.9":                                                 "192.168.1.9 lacks the length of its network: in most it is 192.168.1.9/24.",
		without("--gateway") + " --gateway router":                                                      "\"router\" is no address, such as 192.168.1.1.",
		without("--gateway") + " --gateway 192.168.2.1":                                                 "Gateway 192.168.2.1: it is not in the network 192.168.1.0/24",
		without("--package"):                                                                            "Name its Debian package for that machine with --package",
		without("--package") + " --package DIR/gone.deb":                                                "gone.deb: no such file",
		without("--package") + " --package DIR/none.deb":                                                "none.deb: it is no Debian package",
		without("--package") + " --package https://example.org/z.deb":                                   "needs --sha256",
		without("--package") + " --package ftp://example.org/z.deb --sha256 " + strings.Repeat("0", 64): "begins with https://",
		shelfLine + " --sha256 " + strings.Repeat("0", 64):                                              "and --sha256 says another",
		without("--ssh-key") + " --ssh-key DIR/gone.pub":                                                "gone.pub: no such file",
		without("--ssh-key") + " --ssh-key DIR/secret":                                                  "it is a private key, which never leaves its machine",
		without("--ssh-key") + " --ssh-key DIR/zancudo.deb":                                             "is no public key of SSH",
		without("--login") + " --login root":                                                            "\"root\" belongs to the system",
		shelfLine + " --user a:b":                                                                       "must not contain the ':' character",
		shelfLine + " --dns resolver":                                                                   "\"resolver\" is no address",
		shelfLine + " --for preseed":                                                                    "--for takes autoinstall or cloud-init",
		shelfLine + " --var-disk nvme":                                                                  "say --firmware bios or --firmware uefi",
		shelfLine + " --host my_broker":                                                                 "is not made of letters, digits and hyphens",
		shelfLine + " --disc ata":                                                                       "Did you mean '--disk'?",
	} {
		if status, stdout, stderr := w.run(line, ""); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q, want %q\n%s", line, status, stderr, want, stdout)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, "stick")); err == nil {
		t.Error("something is written")
	}
}

// TestApplianceKeys: without --ssh-key it is the key of whoever runs it.
func TestApplianceKeys(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	env := Env{Getenv: func(name string) string { return map[string]string{"HOME": w.dir, "USER": "Root"}[name] }}
	r := &applianceRun{applianceOptions: &applianceOptions{}, env: env}
	if err := r.findKeys(); err == nil || !strings.Contains(err.Error(), "ssh-keygen -t ed25519") {
		t.Errorf("without any: %v", err)
	}
	if err := os.Mkdir(filepath.Join(w.dir, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, ".ssh", "id_ed25519.pub"), []byte(shelfKey), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.findKeys(); err != nil || len(r.Keys) != 1 || r.keyFile == "" {
		t.Errorf("%v, %v, %q", err, r.Keys, r.keyFile)
	}
	if r.keys = []string{shelfKey + " me"}; r.findKeys() != nil || r.Keys[0] != shelfKey+" me" {
		t.Errorf("a key itself: %v", r.Keys)
	}
	r.settle()
	if r.Login != "owner" || r.User != "owner" || r.Host != "mqtt" {
		t.Errorf("%q, %q, %q", r.Login, r.User, r.Host)
	}
}

// TestApplianceAsks has a user answer the questions.
func TestApplianceAsks(t *testing.T) {
	t.Parallel()
	w := newShelf(t)
	prefix, gateway := netip.MustParsePrefix("192.168.1.9/24"), netip.MustParseAddr("192.168.1.1")
	for _, test := range []struct {
		name, answers string
		given         applianceOptions
		check         func(r *applianceRun) bool
		says          string
		err           error
	}{
		{"enter", "\n192.168.1.9/24\n\n\n\nKEY\nDEB\n\n\n\n", applianceOptions{}, func(r *applianceRun) bool {
			return r.Target == appliance.Autoinstall && r.Address == prefix && r.Gateway == gateway && r.Host == "mqtt" && r.Login == "owner" && r.Disk == "ata" && r.VarSize == ""
		}, "[192.168.1.1]", nil},
		{"mistakes", "preseed\nautoinstall\n192.168.1.9\n192.168.1.255/24\n192.168.1.9/24\n10.0.0.1\n192.168.1.1\na_b\nbroker\nroot\nalice\nNONE\nKEY\nNONE\nDEB\nsda\n/dev/sda\n4\n4G\nefi\nbios\ny\n", applianceOptions{}, func(r *applianceRun) bool {
			return r.Host == "broker" && r.Login == "alice" && r.Disk == "/dev/sda" && r.VarSize == "4G" && r.Firmware == appliance.BIOS
		}, "lacks the length of its network", nil},
		{"an image", "cloud-init\n10.0.0.1/24\nnone\n\nalice\nKEY\nDEB\nsdb\n/dev/sdb\ny\n", applianceOptions{}, func(r *applianceRun) bool {
			return r.Target == appliance.CloudInit && !r.Gateway.IsValid() && r.VarDisk == "/dev/sdb"
		}, "or none: ", nil},
		{"flags have said it", "y\n", applianceOptions{
			target: "autoinstall", keys: []string{filepath.Join(w.dir, "key.pub")}, pack: filepath.Join(w.dir, "zancudo.deb"),
			Options: appliance.Options{Address: prefix, Gateway: gateway, Host: "mqtt", Login: "alice", Disk: "ata"},
		}, func(*applianceRun) bool { return true }, "Write it to", nil},
		{"no", "\n192.168.1.9/24\n\n\n\nKEY\nDEB\n\n\nn\n", applianceOptions{}, func(*applianceRun) bool { return true }, "", errDeclined},
		{"the end", "\n192.168.1.9/24\n", applianceOptions{}, func(*applianceRun) bool { return true }, "", errDeclined},
	} {
		var out bytes.Buffer
		answers := strings.NewReplacer("KEY", filepath.Join(w.dir, "key.pub"), "DEB", filepath.Join(w.dir, "zancudo.deb"), "NONE", filepath.Join(w.dir, "gone")).Replace(test.answers)
		o := test.given
		o.dir = "stick"
		o.defaults()
		r := &applianceRun{applianceOptions: &o, env: Env{Stdin: strings.NewReader(answers), Stdout: &out}}
		if err := r.ask(t.Context()); err != test.err { //nolint:errorlint // it is returned as it is
			t.Errorf("%s: %v\n%s", test.name, err, &out)
		}
		if !test.check(r) || !strings.Contains(out.String(), test.says) {
			t.Errorf("%s: %+v\n%s", test.name, r.Options, &out)
		}
		if test.err == nil {
			r.settle()
			for _, step := range []func() error{r.findKeys, r.findPackage, r.check} {
				if err := step(); err != nil {
					t.Errorf("%s: what was answered cannot be: %v", test.name, err)
				}
			}
		}
	}
}
