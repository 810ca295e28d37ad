package appliance

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// need skips a test whose program is not installed.
func need(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + program)
	}
	if err != nil {
		say := t.Skipf
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			say = t.Fatalf
		}
		say("%s is not installed; it is in Debian's %s", program, debian)
	}
	return path
}

// machines are of all kinds.
func machines() map[string]Options {
	change := func(target Target, f func(o *Options)) Options {
		o := machine(target)
		f(&o)
		return o
	}
	everything := func(o *Options) {
		o.Host, o.DNS, o.NTP = "mqtt.example.org", []netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("2620:fe::fe")}, []string{"192.168.1.1", "pool.ntp.org"}
		o.Interface, o.Updates, o.Watchdog, o.Journal, o.Plain, o.ClientCertificates = "00:0D:B9:12:34:56", true, "iTCO_wdt", Disk, true, true
	}
	return map[string]Options{
		"autoinstall": machine(Autoinstall),
		"autoinstall, var on a disk, bios": change(Autoinstall, func(o *Options) {
			everything(o)
			o.Disk, o.VarDisk, o.Firmware = "serial:SanDisk*", "/dev/sdb", BIOS
		}),
		"autoinstall, var in a partition, uefi": change(Autoinstall, func(o *Options) {
			o.VarSize, o.Firmware, o.PackageURL, o.Watchdog = "4G", UEFI, "https://example.org/zancudo.deb", "auto"
		}),
		"cloud-init": machine(CloudInit),
		"cloud-init, everything": change(CloudInit, func(o *Options) {
			everything(o)
			o.VarDisk = "/dev/sda"
		}),
		"cloud-init, IPv6, one interface, a user with a quote": change(CloudInit, func(o *Options) {
			o.Address, o.Gateway, o.Interface, o.User = netip.MustParsePrefix("2001:db8::9/64"), netip.MustParseAddr("fe80::1"), "enp1s0", `o'hara "x" $HOME`
		}),
		"cloud-init, no gateway": change(CloudInit, func(o *Options) { o.Gateway = netip.Addr{} }),
	}
}

// seed makes the files of a machine.
func seed(t *testing.T, o Options) map[string]string {
	t.Helper()
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	files, err := Files(o)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range files {
		all[f.Name] = string(f.Data)
	}
	return all
}

// decoded reads YAML as anybody would.
func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSchema has cloud-init compare every seed with its schema, and what an
// installed system gets as well.
func TestSchema(t *testing.T) {
	t.Parallel()
	cloudInit := need(t, "cloud-init", "cloud-init")
	check := func(name, text string) string {
		file := filepath.Join(t.TempDir(), "user-data")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), cloudInit, "schema", "--config-file", file).CombinedOutput()
		if err != nil || strings.Contains(string(out), "deprecat") {
			return name + ": " + string(out)
		}
		return ""
	}
	for name, o := range machines() {
		text := seed(t, o)["user-data"]
		if problem := check(name, text); problem != "" {
			t.Error(problem)
		}
		if o.Target == Autoinstall {
			nested := decoded(t, text)["autoinstall"].(map[string]any)["user-data"]
			if problem := check(name+", user-data", "#cloud-config\n"+encoded(t, nested)); problem != "" {
				t.Error(problem)
			}
		}
	}
	if check("wrong", "#cloud-config\nwrite_files: 1\n") == "" {
		t.Error("the schema finds nothing wrong where something is")
	}
}

// TestNetwork has netplan make of it what systemd-networkd reads.
func TestNetwork(t *testing.T) {
	t.Parallel()
	netplan := need(t, "netplan", "netplan.io")
	for name, o := range machines() {
		files := seed(t, o)
		text := files["network-config"]
		if o.Target == Autoinstall {
			text = encoded(t, decoded(t, files["user-data"])["autoinstall"].(map[string]any)["network"])
		}
		root := t.TempDir()
		dir := filepath.Join(root, "etc", "netplan")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "50.yaml"), []byte(encoded(t, map[string]any{"network": decoded(t, text)})), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), netplan, "generate", "--root-dir", root).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		made, err := filepath.Glob(filepath.Join(root, "run/systemd/network/*.network"))
		if err != nil || len(made) != 1 {
			t.Errorf("%s: %v, %v", name, made, err)
			continue
		}
		unit, err := os.ReadFile(made[0])
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"Address=" + o.Address.String()}
		if o.Gateway.IsValid() {
			want = append(want, "Gateway="+o.Gateway.String())
		}
		for _, server := range o.resolvers() {
			want = append(want, "DNS="+server)
		}
		var got []string
		for line := range strings.Lines(string(unit)) {
			if word, _, _ := strings.Cut(line, "="); slices.Contains([]string{"Address", "Gateway", "DNS"}, word) {
				got = append(got, strings.TrimSpace(line))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s\n%s", name, diff, unit)
		}
	}
}

// TestAutoinstall holds the seeds to the reference of Ubuntu's installer, whose
// schema is under a licence that does not let it lie here.
func TestAutoinstall(t *testing.T) {
	t.Parallel()
	known := []string{"version", "network", "apt", "storage", "ssh", "packages", "user-data", "late-commands", "shutdown"}
	for name, o := range machines() {
		if o.Target != Autoinstall {
			continue
		}
		text := seed(t, o)["user-data"]
		top := decoded(t, text)
		if !strings.HasPrefix(text, "#cloud-config\n") || len(top) != 1 {
			t.Errorf("%s: it begins as\n%.60s", name, text)
		}
		a := top["autoinstall"].(map[string]any)
		for key := range a {
			if !slices.Contains(known, key) {
				t.Errorf("%s: it has %s", name, key)
			}
		}
		if a["version"] != 1 || a["shutdown"] != "poweroff" || a["apt"].(map[string]any)["fallback"] != "offline-install" || a["network"].(map[string]any)["version"] != 2 {
			t.Errorf("%s: it has\n%s", name, text)
		}
		ssh := a["ssh"].(map[string]any)
		if ssh["install-server"] != true || ssh["allow-pw"] != false {
			t.Errorf("%s: ssh is %v", name, ssh)
		}
		commands, _ := a["late-commands"].([]any)
		if (o.PackageURL == "") != (len(commands) == 1) {
			t.Errorf("%s: late commands are %v", name, commands)
		}
		for _, c := range commands {
			if out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", c.(string)).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
		checkStorage(t, name, &o, a["storage"].(map[string]any))
	}
}

// checkStorage follows the actions from disk to mount.
func checkStorage(t *testing.T, name string, o *Options, s map[string]any) {
	t.Helper()
	if s["swap"].(map[string]any)["size"] != 0 {
		t.Errorf("%s: swap is %v", name, s["swap"])
	}
	config, ok := s["config"].([]any)
	if !ok {
		want := map[string]any{"name": "direct", "match": map[string]any{"id_path": "*-ata-*", "size": "largest"}}
		if diff := cmp.Diff(want, s["layout"]); diff != "" || o.VarDisk+o.VarSize != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		return
	}
	kinds, mounts, partOf := map[string]string{}, map[string]string{}, map[string]string{}
	filled := map[string]bool{} // disks whose last partition takes the rest
	var grub []string
	for _, c := range config {
		a := c.(map[string]any)
		id, kind := a["id"].(string), a["type"].(string)
		if kinds[id] != "" {
			t.Errorf("%s: two actions are %s", name, id)
		}
		kinds[id] = kind
		refers := map[string]string{"partition": "device:disk", "format": "volume:partition", "mount": "device:format"}[kind]
		if key, wants, found := strings.Cut(refers, ":"); found {
			if to, _ := a[key].(string); kinds[to] != wants {
				t.Errorf("%s: the %s of %s is %q, which is %q before it", name, key, id, to, kinds[to])
			}
			partOf[id], _ = a[key].(string)
		}
		if kind == "partition" {
			disk := a["device"].(string)
			if filled[disk] {
				t.Errorf("%s: %s follows the partition that takes the rest", name, id)
			}
			filled[disk] = a["size"] == -1
		}
		if kind == "mount" {
			disk := partOf[partOf[partOf[id]]]
			mounts[a["path"].(string)] = disk
			if a["path"] != "/boot/efi" && !strings.Contains(a["options"].(string), "noatime") {
				t.Errorf("%s: %s has %v", name, a["path"], a["options"])
			}
		}
		if a["grub_device"] == true {
			grub = append(grub, id)
		}
	}
	wantGrub, want := "disk-system", map[string]string{"/": "disk-system", "/var": "disk-system"}
	if o.VarDisk != "" {
		want["/var"] = "disk-var"
	}
	if o.Firmware == UEFI {
		wantGrub, want["/boot/efi"] = "part-efi", "disk-system"
	}
	if diff := cmp.Diff(want, mounts); diff != "" || !slices.Equal(grub, []string{wantGrub}) {
		t.Errorf("%s: GRUB goes to %s; (-want +got)\n%s", name, grub, diff)
	}
	for disk := range filled {
		if !filled[disk] {
			t.Errorf("%s: %s is not filled", name, disk)
		}
	}
}

// TestSeedHasNoPassword: nobody logs in with one, nor is one in a seed.
func TestSeedHasNoPassword(t *testing.T) {
	t.Parallel()
	for name, o := range machines() {
		files := seed(t, o)
		config := decoded(t, files["user-data"])
		if o.Target == Autoinstall {
			config = config["autoinstall"].(map[string]any)["user-data"].(map[string]any)
		}
		users := config["users"].([]any)
		u := users[0].(map[string]any)
		if len(users) != 1 || u["name"] != "alice" || u["lock_passwd"] != true || u["passwd"] != nil || u["plain_text_passwd"] != nil || config["ssh_pwauth"] != false || config["chpasswd"] != nil {
			t.Errorf("%s: %v", name, users)
		}
		written := map[string]string{}
		for _, w := range config["write_files"].([]any) {
			w := w.(map[string]any)
			written[w["path"].(string)] = w["content"].(string)
		}
		if !strings.Contains(written["/etc/ssh/sshd_config.d/10-zancudo.conf"], "PasswordAuthentication no") {
			t.Errorf("%s: sshd may take a password", name)
		}
		if updates := written["/etc/apt/apt.conf.d/52zancudo-updates"] != ""; updates != o.Updates {
			t.Errorf("%s: updates: %v", name, updates)
		}
		if watched := written["/etc/systemd/system.conf.d/zancudo.conf"] != ""; watched != (o.Watchdog != "") {
			t.Errorf("%s: watchdog: %v", name, watched)
		}
		if meta := decoded(t, files["meta-data"]); meta["local-hostname"] != o.Host || !strings.HasPrefix(meta["instance-id"].(string), "zancudo-") {
			t.Errorf("%s: %v", name, meta)
		}
	}
}

// TestInstance: another seed is another instance, the same seed the same.
func TestInstance(t *testing.T) {
	t.Parallel()
	o := machine(CloudInit)
	first, again := seed(t, o), seed(t, o)
	o.Plain = true
	if other := seed(t, o); first["meta-data"] != again["meta-data"] || first["meta-data"] == other["meta-data"] {
		t.Errorf("first\n%s\nagain\n%s\nother\n%s", first["meta-data"], again["meta-data"], other["meta-data"])
	}
}
