package appliance

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// diskMatch says which disk is meant, in the words of Ubuntu's installer.
type diskMatch struct {
	Path   string `yaml:"path,omitempty"`
	IDPath string `yaml:"id_path,omitempty"`
	Serial string `yaml:"serial,omitempty"`
	Size   string `yaml:"size,omitempty"`
}

// buses are what a disk can be attached to, by the ID_PATH of udev. No stick is
// among them, so that none is overwritten.
var buses = map[string]string{"ata": "*-ata-*", "nvme": "*-nvme-*", "mmc": "*mmc*"}

var diskPath = regexp.MustCompile(`^/dev/[A-Za-z0-9/_.:+-]+$`)

// parseDisk takes a path, as /dev/sda; serial:PATTERN; or ata, nvme or mmc, which
// is the largest disk of that kind, or with :smallest behind it the smallest.
func parseDisk(text string) (diskMatch, error) {
	if diskPath.MatchString(text) {
		return diskMatch{Path: text}, nil
	}
	kind, which, found := strings.Cut(text, ":")
	if kind == "serial" && which != "" {
		return diskMatch{Serial: which}, nil
	}
	if bus, ok := buses[kind]; ok && (!found || which == "largest" || which == "smallest") {
		if !found {
			which = "largest"
		}
		return diskMatch{IDPath: bus, Size: which}, nil
	}
	return diskMatch{}, fmt.Errorf("%q is no disk: it is one such as /dev/sda, serial:PATTERN, or ata, nvme or mmc, with :smallest or :largest behind it", text)
}

var size = regexp.MustCompile(`^[1-9][0-9]{0,5}[MGT]$`)

// leastVar is what a system's /var needs.
const leastVar = 1 << 30

func parseSize(text string) (bytes int64, err error) {
	if !size.MatchString(text) {
		return 0, fmt.Errorf("%q is no size: it is one such as 2G or 800M", text)
	}
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	return n << map[byte]int{'M': 20, 'G': 30, 'T': 40}[text[len(text)-1]], err
}

// CheckDisks says what is wrong with the disks.
func (o *Options) CheckDisks() error {
	if o.VarDisk != "" && o.VarSize != "" {
		return errors.New("/var is either on a disk of its own or a partition beside the system: give --var-disk or --var-size, not both")
	}
	if o.Target == CloudInit {
		return o.checkImageDisks()
	}
	if o.Disk != "" {
		if _, err := parseDisk(o.Disk); err != nil {
			return fmt.Errorf("disk of the system: %w", err)
		}
	}
	if o.VarDisk != "" {
		if _, err := parseDisk(o.VarDisk); err != nil {
			return fmt.Errorf("disk of /var: %w", err)
		}
		if o.VarDisk == o.SystemDisk() || o.VarDisk+":largest" == o.SystemDisk() || o.VarDisk == o.SystemDisk()+":largest" {
			return fmt.Errorf("the system and /var are both to be on %s: name another disk, or give /var a partition with --var-size", o.VarDisk)
		}
	}
	if o.VarSize != "" {
		if n, err := parseSize(o.VarSize); err != nil {
			return fmt.Errorf("partition of /var: %w", err)
		} else if n < leastVar {
			return fmt.Errorf("partition of /var: %s is too small for what the system itself keeps there: give it 1G or more, better 4G", o.VarSize)
		}
	}
	switch apart := o.VarDisk != "" || o.VarSize != ""; {
	case o.Firmware != "" && o.Firmware != BIOS && o.Firmware != UEFI:
		return fmt.Errorf("the firmware is %s or %s, not %q", BIOS, UEFI, o.Firmware)
	case apart && o.Firmware == "":
		return errors.New("how does the machine start? With a /var of its own the partitions are laid out before, and they differ: say --firmware bios or --firmware uefi")
	case !apart && o.Firmware != "":
		return errors.New("--firmware is for --var-disk and --var-size: otherwise the installer finds out by itself")
	}
	return nil
}

func (o *Options) checkImageDisks() error {
	switch {
	case o.Disk != "":
		return errors.New("--disk is for autoinstall: an image is the disk already, and lies where you write it to")
	case o.VarSize != "":
		return errors.New("--var-size is for autoinstall: an image brings its partitions, so give /var a disk with --var-disk")
	case o.Firmware != "":
		return errors.New("--firmware is for autoinstall: an image brings its boot loader")
	case o.VarDisk != "" && !diskPath.MatchString(o.VarDisk):
		return fmt.Errorf("disk of /var: %q is no path of a disk, such as /dev/sdb or one of /dev/disk/by-id", o.VarDisk)
	}
	return nil
}

// SystemDisk is the disk of the system, as it was said or goes without saying.
func (o *Options) SystemDisk() string {
	if o.Disk == "" {
		return "ata"
	}
	return o.Disk
}

// storage is the part of the disks in what Ubuntu's installer reads: a layout, or
// a list of actions.
type storage struct {
	Layout *layout  `yaml:"layout,omitempty"`
	Swap   swap     `yaml:"swap"`
	Config []action `yaml:"config,omitempty"`
}

type layout struct {
	Name  string    `yaml:"name"`
	Match diskMatch `yaml:"match"`
}

type swap struct {
	Size int `yaml:"size"`
}

// action makes a disk, a partition, a file system or a mount.
type action struct {
	Type       string     `yaml:"type"`
	ID         string     `yaml:"id"`
	Match      *diskMatch `yaml:"match,omitempty"`
	PTable     string     `yaml:"ptable,omitempty"`
	Wipe       string     `yaml:"wipe,omitempty"`
	GrubDevice bool       `yaml:"grub_device,omitempty"`
	Device     string     `yaml:"device,omitempty"`
	Size       any        `yaml:"size,omitempty"` // a text, or rest
	Flag       string     `yaml:"flag,omitempty"`
	FSType     string     `yaml:"fstype,omitempty"`
	Label      string     `yaml:"label,omitempty"`
	Volume     string     `yaml:"volume,omitempty"`
	Path       string     `yaml:"path,omitempty"`
	Options    string     `yaml:"options,omitempty"`
}

const (
	noatime = "defaults,noatime"
	rest    = -1 // what the other partitions leave
)

// storage lays out the disks: by the installer, or by us where /var is apart.
func (o *Options) storage() storage {
	system, _ := parseDisk(o.SystemDisk()) // Check has seen to it
	if o.VarDisk == "" && o.VarSize == "" {
		return storage{Layout: &layout{"direct", system}}
	}
	all := []action{{Type: "disk", ID: "disk-system", Match: &system, PTable: "gpt", Wipe: "superblock-recursive", GrubDevice: o.Firmware == BIOS}}
	part := func(disk, name string, size any, flag string) {
		all = append(all, action{Type: "partition", ID: "part-" + name, Device: disk, Size: size, Flag: flag, Wipe: "superblock", GrubDevice: flag == "boot"})
	}
	mount := func(name, fstype, path, options string) {
		all = append(
			all,
			action{Type: "format", ID: "fs-" + name, Volume: "part-" + name, FSType: fstype, Label: "zancudo-" + name},
			action{Type: "mount", ID: "mount-" + name, Device: "fs-" + name, Path: path, Options: options},
		)
	}
	if o.Firmware == UEFI {
		part("disk-system", "efi", "512M", "boot")
	} else {
		part("disk-system", "bios", "1M", "bios_grub")
	}
	if o.VarSize != "" {
		part("disk-system", "var", o.VarSize, "")
	}
	part("disk-system", "root", rest, "")
	if o.VarDisk != "" {
		disk, _ := parseDisk(o.VarDisk) // Check has seen to it
		all = append(all, action{Type: "disk", ID: "disk-var", Match: &disk, PTable: "gpt", Wipe: "superblock-recursive"})
		part("disk-var", "var", rest, "")
	}
	mount("root", "ext4", "/", noatime)
	mount("var", "ext4", "/var", noatime)
	if o.Firmware == UEFI {
		mount("efi", "fat32", "/boot/efi", "umask=0077")
		all[len(all)-2].Label = "" // a label of FAT has eleven characters
	}
	return storage{Config: all}
}
