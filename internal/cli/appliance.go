package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/zancudomq/zancudo/internal/appliance"
	"github.com/zancudomq/zancudo/internal/flags"
)

// applianceOptions are what the command line of appliance says.
type applianceOptions struct {
	appliance.Options
	dir       string
	target    string
	keys      []string // files, or keys
	pack      string   // a file or a URL
	journal   string
	firmware  string
	image     string
	overwrite bool
	yes       bool
}

// applianceTable is the table of flags, bound to o.
func applianceTable(o *applianceOptions) *flags.Command {
	return &flags.Command{
		Name: "appliance", Summary: "make the stick that sets up a machine without a screen", Usage: []string{"[directory] [flags]"},
		Text: "A machine without screen and keyboard becomes a broker by itself: this writes the files of a stick with the label " + appliance.Label + ", by which the installer of Ubuntu Server, " +
			"or an image of Debian, Ubuntu or Raspberry Pi OS that brings cloud-init, sets it up without a question: its address, who may log in, where /var is, and the broker as by 'zancudo init'. " +
			"docs/shelf-machine.md goes the whole way.\n\n" +
			"The stick holds no secret: logins are by SSH key only, and the password of the broker's first user is made on the machine, in /root/zancudo.txt.\n\n" +
			"At a terminal it asks for what the flags do not say.",
		Args: []flags.Arg{{Name: "directory", Help: "where the files are to be (zancudo-seed)", Optional: true, Completes: flags.Directory, Set: flags.Given(&o.dir)}},
		Groups: []flags.Group{
			{Title: "Machine", Flags: applianceMachine(o)},
			{Title: "Disks", Flags: applianceDisks(o)},
			{Title: "Broker", Flags: applianceBroker(o)},
			{Title: "Other", Flags: append([]flags.Flag{
				{Names: "--image", Value: "file", Help: "also the stick as an image, to be written to one with any program that writes images", Completes: flags.File, Set: flags.Given(&o.image)},
				{Names: "-y, --yes", Help: "ask nothing", Set: flags.True(&o.yes)},
				{Names: "--overwrite", Help: "replace the files that are there", Set: flags.True(&o.overwrite)},
			}, standardFlags()...)},
		},
		Examples: []flags.Example{
			{Line: "zancudo appliance", Text: "ask what there is to ask"},
			{
				Line: "zancudo appliance stick --yes --address 192.168.1.9/24 --gateway 192.168.1.1 --package zancudo_1.0.0_amd64.deb",
				Text: "for Ubuntu Server's installer, which uses the largest disk on SATA, IDE or CompactFlash",
			},
			{
				Line: "zancudo appliance stick --yes --for cloud-init --address 192.168.1.9/24 --gateway 192.168.1.1 --package zancudo_1.0.0_arm64.deb --var-disk /dev/sda",
				Text: "for an image on a card, with /var on another disk",
			},
		},
	}
}

func applianceMachine(o *applianceOptions) []flags.Flag {
	return []flags.Flag{
		{Names: "--for", Value: "what", Help: "autoinstall, which is Ubuntu Server's installer, or cloud-init, which is in images (autoinstall)", Choices: []string{string(appliance.Autoinstall), string(appliance.CloudInit)}, Set: flags.Text(&o.target)},
		{Names: "-a, --address", Value: "address", Help: "its address with the length of its network, as 192.168.1.9/24", Set: read1(&o.Address, appliance.ParseAddress)},
		{Names: "-g, --gateway", Value: "address", Help: "the router (none: it reaches its own network only)", Set: read1(&o.Gateway, parseIP)},
		{Names: "-d, --dns", Value: "address", Help: "a name server; may be repeated (the gateway)", Set: flags.With(func(text string) error {
			var ip netip.Addr
			err := read1(&ip, parseIP)([]string{text})
			o.DNS = append(o.DNS, ip)
			return err
		})},
		{Names: "-n, --host", Value: "name", Help: "its name (mqtt)", Set: flags.Given(&o.Host)},
		{Names: "--interface", Value: "name", Help: "its network interface: a name, a pattern or a MAC address (e*)", Set: flags.Given(&o.Interface)},
		{Names: "--ntp", Value: "server", Help: "a time server; may be repeated (those of the distribution)", Set: flags.Append(&o.NTP)},
		{Names: "-l, --login", Value: "name", Help: "who may log in and become root ($SUDO_USER or $USER)", Set: flags.Given(&o.Login)},
		{Names: "-k, --ssh-key", Value: "key", Help: "a file with public keys, or a key; may be repeated (~/.ssh/id_*.pub)", Completes: flags.File, Set: flags.Append(&o.keys)},
		{Names: "--updates", Help: "install security updates every night, and restart at four if one asks for it", Set: flags.True(&o.Updates)},
		{
			Names: "--watchdog", Value: "module", Help: "restart the machine when it hangs: the kernel's module of its watchdog, or auto", Set: flags.Given(&o.Watchdog),
			More: "Such as iTCO_wdt (Intel), sp5100_tco (AMD) or bcm2835_wdt (Raspberry Pi); auto is for a kernel that has it ready.",
		},
		{Names: "--journal", Value: "where", Help: "keep the log in memory, which spares a flash card, or on disk (memory)", Choices: []string{string(appliance.Memory), string(appliance.Disk)}, Set: flags.Text(&o.journal)},
	}
}

func applianceDisks(o *applianceOptions) []flags.Flag {
	return []flags.Flag{
		{
			Names: "--disk", Value: "disk", Help: "where the installer puts the system, erasing it: /dev/sda, serial:PATTERN, or ata, nvme or mmc (ata)", Set: flags.Given(&o.Disk),
			More: "ata, nvme and mmc are the largest disk of that kind, or with :smallest behind it the smallest; CompactFlash and SATA are ata. Sticks are none of them, while a path may well be a stick's.",
		},
		{Names: "--var-disk", Value: "disk", Help: "a disk of its own for /var", Set: flags.Given(&o.VarDisk), More: "With autoinstall it is said as with --disk, and erased. With cloud-init it is a path, and has to be empty."},
		{Names: "--var-size", Value: "size", Help: "a partition for /var beside the system, as 4G", Set: flags.Given(&o.VarSize)},
		{Names: "--firmware", Value: "kind", Help: "how the machine starts, where /var is apart: bios or uefi", Choices: []string{string(appliance.BIOS), string(appliance.UEFI)}, Set: flags.Text(&o.firmware)},
	}
}

func applianceBroker(o *applianceOptions) []flags.Flag {
	return []flags.Flag{
		{Names: "-p, --package", Value: "package", Help: "the broker's .deb for that machine: a file, which is put onto the stick, or a URL", Completes: flags.File, Set: flags.Given(&o.pack)},
		{Names: "--sha256", Value: "checksum", Help: "its SHA-256, which a URL needs", Set: flags.Given(&o.PackageSHA256)},
		{Names: "-u, --user", Value: "name", Help: "the broker's first user, who may do everything (that of --login)", Set: flags.Given(&o.User)},
		{Names: "--plain", Help: "let in clients without TLS, too, who have to give a password all the same", Set: flags.True(&o.Plain)},
		{Names: "--client-certificates", Help: "clients show a certificate instead of a password", Set: flags.True(&o.ClientCertificates)},
	}
}

// read1 takes what a function makes of the value, whose error is a sentence.
func read1[T any](to *T, parse func(string) (T, error)) flags.Setter {
	return flags.With(func(text string) (err error) {
		if *to, err = parse(text); err != nil {
			return flags.Errorf("%s.", capital(strings.TrimSuffix(err.Error(), ".")))
		}
		return nil
	})
}

func parseIP(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, fmt.Errorf("%q is no address, such as 192.168.1.1", text)
	}
	return ip, nil
}

// makeAppliance writes a seed.
func makeAppliance(ctx context.Context, env Env, args []string) int {
	o := &applianceOptions{}
	table := applianceTable(o)
	if status, done := parse(env, table, args); done {
		return status
	}
	o.defaults()
	r := &applianceRun{applianceOptions: o, env: env}
	var err error
	if !o.yes && isTerminal(env.Stdin) && isTerminal(env.Stdout) {
		err = r.ask(ctx)
	}
	if err == nil {
		err = r.run()
	}
	return ended(env, err, "Nothing was written.")
}

// defaults fills in what does not depend on an answer.
func (o *applianceOptions) defaults() {
	o.Target = appliance.Target(cmp.Or(o.target, string(appliance.Autoinstall)))
	o.Journal, o.Firmware = appliance.Journal(o.journal), appliance.Firmware(o.firmware)
	o.dir = cmp.Or(o.dir, "zancudo-seed")
}

// applianceRun is one run of appliance.
type applianceRun struct {
	*applianceOptions
	env     Env
	deb     []byte // nil: it is fetched
	version appliance.Package
	keyFile string // where the keys are from, if nobody said
}

func (r *applianceRun) run() error {
	r.settle()
	for _, step := range []func() error{r.findKeys, r.findPackage, r.check, r.write} {
		if err := step(); err != nil {
			return err
		}
	}
	r.tell()
	return nil
}

// settle fills in what neither a flag nor an answer says.
func (r *applianceRun) settle() {
	r.Host = cmp.Or(r.Host, "mqtt")
	r.Login = cmp.Or(r.Login, loginOf(r.env))
	r.User = cmp.Or(r.User, r.Login)
}

// loginOf is the user of this machine, or a name that no system takes.
func loginOf(env Env) string {
	name := strings.ToLower(cmp.Or(env.getenv("SUDO_USER"), env.getenv("USER"), env.getenv("LOGNAME")))
	if appliance.CheckLogin(name) != nil {
		return "owner"
	}
	return name
}

func (r *applianceRun) check() error {
	if !r.Address.IsValid() {
		return errors.New("the machine needs an address: --address 192.168.1.9/24, one that your router does not give to others")
	}
	if err := checkInitUser(r.User); err != nil {
		return err
	}
	return r.Check()
}

func (r *applianceRun) path(name string) string { return filepath.Join(r.dir, name) }
