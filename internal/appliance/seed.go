package appliance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Label is the name that a stick or image must have for its seed to be found.
const Label = "CIDATA"

// A File is a file of a seed.
type File struct {
	Name string
	Data []byte
}

// Files returns the files of the seed, all but the package. The options must
// have passed Check.
func Files(o Options) ([]File, error) {
	config := o.cloudConfig()
	var top any = config
	if o.Target == Autoinstall {
		top = struct {
			Autoinstall autoinstall `yaml:"autoinstall"`
		}{o.autoinstall(config)}
	}
	userData, err := document("#cloud-config\n# Made by 'zancudo appliance'.\n", top)
	if err != nil {
		return nil, err
	}
	files := []File{{Name: "user-data", Data: userData}}
	// Another seed is another instance, so that an image takes it once more.
	sum := sha256.Sum256(userData)
	metaData, err := document("", struct {
		InstanceID string `yaml:"instance-id"`
		Host       string `yaml:"local-hostname"`
	}{"zancudo-" + hex.EncodeToString(sum[:8]), o.Host})
	if err != nil {
		return nil, err
	}
	files = append(files, File{Name: "meta-data", Data: metaData})
	if o.Target == CloudInit {
		network, err := document("", o.network())
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: "network-config", Data: network})
	}
	return files, nil
}

// document writes YAML behind a heading.
func document(heading string, v any) ([]byte, error) {
	b := bytes.NewBufferString(heading)
	e := yaml.NewEncoder(b)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return b.Bytes(), e.Close()
}

// autoinstall is what Ubuntu's installer reads.
type autoinstall struct {
	Version      int         `yaml:"version"`
	Network      netplan     `yaml:"network"`
	APT          apt         `yaml:"apt"`
	Storage      storage     `yaml:"storage"`
	SSH          sshServer   `yaml:"ssh"`
	Packages     []string    `yaml:"packages,omitempty"`
	UserData     cloudConfig `yaml:"user-data"` // for the first boot of what is installed
	LateCommands []string    `yaml:"late-commands,omitempty"`
	Shutdown     string      `yaml:"shutdown"`
}

type apt struct {
	Fallback string `yaml:"fallback"`
	GeoIP    bool   `yaml:"geoip"`
}

type sshServer struct {
	Install       bool `yaml:"install-server"`
	AllowPassword bool `yaml:"allow-pw"`
}

// keepPackage copies the package from the stick to where first-boot looks first,
// as the stick is gone by then. What goes wrong here first-boot tries again.
const keepPackage = `mkdir -p /run/zancudo-stick /target/var/cache/zancudo; ` +
	`mount -o ro LABEL=CIDATA /run/zancudo-stick || mount -o ro LABEL=cidata /run/zancudo-stick; ` +
	`cp /run/zancudo-stick/` + PackageName + ` /target/var/cache/zancudo/; umount /run/zancudo-stick; true`

func (o *Options) autoinstall(config cloudConfig) autoinstall {
	a := autoinstall{
		Version: 1,
		Network: o.network(),
		// Without a way to the internet the installer takes what is on its stick.
		APT:     apt{Fallback: "offline-install"},
		Storage: o.storage(),
		SSH:     sshServer{Install: true},
		// Dark means done; and a reboot would begin again from the stick.
		Shutdown: "poweroff",
	}
	a.Packages, config.Packages = config.Packages, nil
	a.UserData = config
	if o.PackageURL == "" {
		a.LateCommands = []string{keepPackage}
	}
	return a
}

// cloudConfig is what cloud-init reads.
type cloudConfig struct {
	Hostname         string      `yaml:"hostname"`
	FQDN             string      `yaml:"fqdn,omitempty"`
	PreserveHostname bool        `yaml:"preserve_hostname"`
	ManageHosts      string      `yaml:"manage_etc_hosts"`
	Users            []user      `yaml:"users"`
	PasswordLogin    bool        `yaml:"ssh_pwauth"`
	DisableRoot      bool        `yaml:"disable_root"`
	NTP              ntp         `yaml:"ntp"`
	Packages         []string    `yaml:"packages,omitempty"`
	WriteFiles       []writeFile `yaml:"write_files"`
	BootCommands     [][]string  `yaml:"bootcmd"`
	RunCommands      [][]string  `yaml:"runcmd"`
}

type user struct {
	Name         string   `yaml:"name"`
	Groups       []string `yaml:"groups"`
	Shell        string   `yaml:"shell"`
	Sudo         string   `yaml:"sudo"`
	LockPassword bool     `yaml:"lock_passwd"`
	Keys         []string `yaml:"ssh_authorized_keys"`
}

type ntp struct {
	Enabled bool     `yaml:"enabled"`
	Servers []string `yaml:"servers,omitempty"`
}

type writeFile struct {
	Path        string `yaml:"path"`
	Permissions string `yaml:"permissions"`
	Content     string `yaml:"content"`
}

// startOver runs at each boot, before the rest. cloud-init notes that it has done
// a thing when it begins with it, and never does it again; so after a power cut in
// the middle of the first boot files would be missing, or the script not started.
// Without these notes it does them once more.
const startOver = "if [ ! -e " + home + "first-boot.done ] && cd /var/lib/cloud/instance/sem; then " +
	"rm -f config_write?files* config_users?groups* config_runcmd* config_scripts?user*; fi"

func (o *Options) cloudConfig() cloudConfig {
	c := cloudConfig{
		ManageHosts: "localhost",
		// There is no password, so becoming root cannot ask for one.
		Users: []user{{
			Name: o.Login, Groups: []string{"adm", "sudo"}, Shell: "/bin/bash", Sudo: "ALL=(ALL) NOPASSWD:ALL", LockPassword: true, Keys: o.Keys,
		}},
		DisableRoot: true,
		NTP:         ntp{Enabled: true, Servers: o.NTP},
		WriteFiles: append(
			o.settings(),
			writeFile{Path: home + "first-boot", Content: firstBoot, Permissions: "0755"},
			writeFile{Path: home + "first-boot.conf", Content: o.firstBootConf(), Permissions: "0600"},
			writeFile{Path: "/etc/systemd/system/zancudo-first-boot.service", Content: firstBootUnit},
		),
		BootCommands: [][]string{{"sh", "-c", startOver}},
		RunCommands: [][]string{
			{"systemctl", "daemon-reload"},
			{"systemctl", "enable", "--now", "--no-block", "zancudo-first-boot.service"},
		},
	}
	var domain bool
	if c.Hostname, _, domain = strings.Cut(o.Host, "."); domain {
		c.FQDN = o.Host
	}
	if o.Updates {
		c.Packages = []string{"unattended-upgrades"}
	}
	for i := range c.WriteFiles {
		if c.WriteFiles[i].Permissions == "" {
			c.WriteFiles[i].Permissions = "0644"
		}
	}
	return c
}
