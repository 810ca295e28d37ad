package appliance

import (
	_ "embed" // of the script
	"fmt"
	"strings"
)

// firstBoot is the script that runs at the first boot. It is the same for every
// machine; firstBootConf is what it is told.
//
//go:embed firstboot.sh
var firstBoot string

const home = "/usr/local/lib/zancudo/"

// firstBootUnit runs the script until it has come to its end. It must not hold
// up the start of the machine, which the script waits for.
const firstBootUnit = `[Unit]
Description=Set up the Zancudo broker at the first boot
Wants=network-online.target
After=network-online.target
ConditionPathExists=!` + home + `first-boot.done
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=` + home + `first-boot
Restart=on-failure
RestartSec=30

[Install]
WantedBy=multi-user.target
`

// firstBootConf is what the script is told, in the language of the shell.
func (o *Options) firstBootConf() string {
	init := []string{"--user", o.User, "--name", o.Address.Addr().String()}
	if o.Plain {
		init = append(init, "--plain")
	}
	if o.ClientCertificates {
		init = append(init, "--client-certificates")
	}
	for i := range init {
		init[i] = quoted(init[i])
	}
	varDisk := ""
	if o.Target == CloudInit {
		varDisk = o.VarDisk
	}
	var b strings.Builder
	for _, v := range []struct{ name, value string }{
		{"PACKAGE_SHA256", strings.ToLower(o.PackageSHA256)},
		{"PACKAGE_URL", o.PackageURL},
		{"INIT", strings.Join(init, " ")},
		{"VAR_DISK", varDisk},
		{"WATCHDOG", o.Watchdog},
	} {
		fmt.Fprintf(&b, "%s=%s\n", v.name, quoted(v.value))
	}
	return b.String()
}

// quoted is a word of the shell, whatever is in it.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// settings are the files that spare the flash card and keep the machine going.
func (o *Options) settings() []writeFile {
	journal := "# The log is in memory, which spares the flash card.\n[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\nForwardToSyslog=no\n"
	if o.Journal == Disk {
		journal = "# The log is on disk, small and rarely written.\n[Journal]\nStorage=persistent\nSystemMaxUse=64M\nSyncIntervalSec=15min\nForwardToSyslog=no\n"
	}
	all := []writeFile{
		{Path: "/etc/systemd/journald.conf.d/zancudo.conf", Content: journal},
		{Path: "/etc/ssh/sshd_config.d/10-zancudo.conf", Content: "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n"},
		{
			Path: "/etc/default/grub.d/90-zancudo.cfg",
			Content: "# Nobody is there to answer: after a power cut repair the disk and start, and start again after a panic.\n" +
				"GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX fsck.repair=yes panic=30\"\nGRUB_RECORDFAIL_TIMEOUT=5\n",
		},
	}
	if o.Updates {
		all = append(all, writeFile{
			Path: "/etc/apt/apt.conf.d/52zancudo-updates",
			Content: "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n" +
				"Unattended-Upgrade::Automatic-Reboot \"true\";\nUnattended-Upgrade::Automatic-Reboot-Time \"04:00\";\n",
		})
	}
	if o.Watchdog != "" {
		all = append(all, writeFile{
			Path:    "/etc/systemd/system.conf.d/zancudo.conf",
			Content: "# A machine that hangs starts again.\n[Manager]\nRuntimeWatchdogSec=60\nRebootWatchdogSec=10min\n",
		})
		if o.Watchdog != "auto" {
			all = append(all, writeFile{Path: "/etc/modules-load.d/zancudo.conf", Content: o.Watchdog + "\n"})
		}
	}
	return all
}
