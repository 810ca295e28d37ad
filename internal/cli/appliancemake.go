package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/zancudomq/zancudo/internal/appliance"
	"github.com/zancudomq/zancudo/internal/atomicfile"
)

// findKeys reads the keys that are named, or those of whoever runs this.
func (r *applianceRun) findKeys() error {
	named := r.keys
	if named == nil {
		for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
			path := filepath.Join(r.env.getenv("HOME"), ".ssh", "id_"+kind+".pub")
			if _, err := os.Stat(path); err == nil && named == nil {
				named, r.keyFile = []string{path}, path
			}
		}
		if named == nil {
			return errors.New("there is no SSH key in ~/.ssh, and the machine takes no password: make one with 'ssh-keygen -t ed25519', or name its public half with --ssh-key")
		}
	}
	r.Keys = nil
	for _, name := range named {
		text, where := []byte(name), "SSH key"
		if _, err := appliance.ParseKeys(text); err != nil || !strings.Contains(name, " ") {
			where = "SSH key " + name
			if text, err = readMost(name, maxKeys); err != nil {
				return fmt.Errorf("read %s: %w", where, err)
			}
		}
		keys, err := appliance.ParseKeys(text)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		r.Keys = append(r.Keys, keys...)
	}
	return nil
}

const (
	maxKeys    = 1 << 20
	maxPackage = 256 << 20
)

// readMost reads a file that must not be larger than most.
func readMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		var why *fs.PathError
		if errors.As(err, &why) {
			err = why.Err
		}
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if int64(len(text)) > most {
		err = fmt.Errorf("it has more than %d MB", most>>20)
	}
	return text, err
}

// findPackage reads the package, or takes its URL.
func (r *applianceRun) findPackage() error {
	if r.pack == "" {
		return errors.New("which broker? Name its Debian package for that machine with --package: a file, or a URL with --sha256")
	}
	if strings.Contains(r.pack, "://") {
		r.PackageURL = r.pack
		if r.PackageSHA256 == "" {
			return errors.New("a package that is fetched needs --sha256, which 'sha256sum FILE' prints, so that nothing else is installed")
		}
		return nil
	}
	deb, err := readMost(r.pack, maxPackage)
	if err != nil {
		return fmt.Errorf("read the package %s: %w", r.pack, err)
	}
	if r.version, err = appliance.ReadPackage(deb); err != nil {
		return fmt.Errorf("package %s: %w", r.pack, err)
	}
	sum := sha256.Sum256(deb)
	is := hex.EncodeToString(sum[:])
	if r.PackageSHA256 != "" && !strings.EqualFold(r.PackageSHA256, is) {
		return fmt.Errorf("package %s: its SHA-256 is %s, and --sha256 says another: it is damaged, or not the one that was meant", r.pack, is)
	}
	r.deb, r.PackageSHA256 = deb, is
	return nil
}

// seedFiles are all names that a seed may have.
var seedFiles = []string{"user-data", "meta-data", "network-config", appliance.PackageName}

// write writes the seed, but nothing if a file of it is there already.
func (r *applianceRun) write() error {
	files, err := appliance.Files(r.Options)
	if err != nil {
		return err
	}
	if r.deb != nil {
		files = append(files, appliance.File{Name: appliance.PackageName, Data: r.deb})
	}
	if err := r.checkFree(); err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, privateDir); err != nil {
		return err
	}
	for _, f := range files {
		if err := atomicfile.Write(r.path(f.Name), f.Data, atomicfile.Options{Inherit: true}); err != nil {
			return err
		}
	}
	// A file that only another seed has would be taken for a part of this one.
	for _, name := range seedFiles {
		if !slices.ContainsFunc(files, func(f appliance.File) bool { return f.Name == name }) {
			if err := os.Remove(r.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if r.image == "" {
		return nil
	}
	image, err := appliance.Image(files)
	if err != nil {
		return err
	}
	return atomicfile.Write(r.image, image, atomicfile.Options{Inherit: true})
}

func (r *applianceRun) checkFree() error {
	if r.overwrite {
		return nil
	}
	var paths []string
	for _, name := range seedFiles {
		paths = append(paths, r.path(name))
	}
	if r.image != "" {
		paths = append(paths, r.image)
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return err
			}
			return fmt.Errorf("%s exists already: choose another name, or replace it with --overwrite", path)
		}
	}
	return nil
}

// tell says what was made and what to do with it.
func (r *applianceRun) tell() {
	out := r.env.Stdout
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say(out, "The seed of %s is in %s:\n\n", r.Host, r.dir)
	say(w, "  Address\t%s\n", r.Address)
	if r.Gateway.IsValid() {
		say(w, "  Gateway\t%s\n", r.Gateway)
	} else {
		say(w, "  Gateway\tnone: it reaches its own network only\n")
	}
	from := ""
	if r.keyFile != "" {
		from = ", from " + r.keyFile
	}
	say(w, "  Login\t%s, with %s%s\n", r.Login, counted(len(r.Keys), "SSH key"), from)
	say(w, "  System\t%s\n", r.systemText())
	switch {
	case r.VarDisk != "":
		say(w, "  /var\ton %s\n", r.VarDisk)
	case r.VarSize != "":
		say(w, "  /var\ta partition of %s\n", r.VarSize)
	}
	say(w, "  Broker\t%s\n", r.packageText())
	_ = w.Flush() // nobody may be there to read it
	ip := r.Address.Addr().String()
	if r.image != "" {
		say(out, "\nWrite %s to a stick; or format one as FAT with the label %s, and copy what is in %s onto it.\n", r.image, appliance.Label, r.dir)
	} else {
		say(out, "\nFormat a stick as FAT with the label %s, and copy what is in %s onto it.\n", appliance.Label, r.dir)
	}
	if r.Target == appliance.Autoinstall {
		say(out, "Put it into the machine beside the stick of Ubuntu Server, whose kernel has to be told 'autoinstall', and switch on.\n"+
			"It ERASES %s. When it goes dark, take out both sticks and switch on again.\n", r.erasedText())
	} else {
		say(out, "Put it into the machine beside the card with the image, and switch on. It can go when the broker is there.\n")
	}
	host := ip
	if r.Address.Addr().Is6() {
		host = "[" + ip + "]"
	}
	say(out, "\nAfter some minutes, on this machine:\n\n  ssh %s@%s sudo cat /root/zancudo.txt   the password, and how to use the broker\n  ssh %s@%s sudo cat /etc/zancudo/ca.crt > ca.crt\n  zancudo doctor %s:%d --cafile ca.crt\n\n"+
		"If there is no such file, the machine is still at it, or says why not:\n\n  ssh %s@%s sudo journalctl -u zancudo-first-boot\n", r.Login, ip, r.Login, ip, host, defaultTLSPort, r.Login, ip)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (r *applianceRun) systemText() string {
	if r.Target == appliance.CloudInit {
		return "the image that you put into the machine"
	}
	return "Ubuntu Server, on " + r.SystemDisk()
}

func (r *applianceRun) erasedText() string {
	if r.VarDisk != "" {
		return r.SystemDisk() + " and " + r.VarDisk
	}
	return r.SystemDisk()
}

func (r *applianceRun) packageText() string {
	switch {
	case r.PackageURL != "":
		return "fetched from " + r.PackageURL
	case r.version.Version == "":
		return filepath.Base(r.pack)
	}
	return "zancudo " + r.version.Version + " for " + r.version.Architecture
}
