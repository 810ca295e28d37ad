package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/zancudomq/zancudo/internal/appliance"
)

// ask asks what the command line does not say.
func (r *applianceRun) ask(ctx context.Context) error {
	lines := bufio.NewReader(r.env.Stdin)
	question := func(text string) (string, error) { return askLine(ctx, r.env.Stdout, lines, text) }
	say(r.env.Stdout, "This makes the stick that sets up a machine without screen and keyboard as a broker.\nEnter takes what stands in [brackets].\n\n")
	for _, ask := range []func(func(string) (string, error)) error{r.askTarget, r.askNetwork, r.askWho, r.askBroker, r.askDisks} {
		if err := ask(question); err != nil {
			return err
		}
	}
	yes, err := askYes(question, fmt.Sprintf("\nWrite it to %s? [Y/n]: ", r.dir), "y")
	if err == nil && !yes {
		err = errDeclined
	}
	say(r.env.Stdout, "\n")
	return err
}

func (r *applianceRun) askTarget(question func(string) (string, error)) error {
	if r.target != "" {
		return nil
	}
	return askFor(r.env.Stdout, question, "What is on the machine at first: nothing, so that Ubuntu Server's installer runs (autoinstall),\nor an image that you write to its card (cloud-init)? [autoinstall]: ", string(appliance.Autoinstall), func(answer string) error {
		r.Target = appliance.Target(answer)
		if r.Target != appliance.Autoinstall && r.Target != appliance.CloudInit {
			return errors.New("say autoinstall or cloud-init")
		}
		return nil
	})
}

func (r *applianceRun) askNetwork(question func(string) (string, error)) error {
	if !r.Address.IsValid() {
		if err := askFor(r.env.Stdout, question, "Its address, with the length of its network, as 192.168.1.9/24: ", "", func(answer string) (err error) {
			if r.Address, err = appliance.ParseAddress(answer); err == nil && !r.Gateway.IsValid() {
				err = r.CheckNetwork()
			}
			return err
		}); err != nil {
			return err
		}
	}
	if !r.Gateway.IsValid() {
		guess := r.Address.Masked().Addr().Next()
		if guess == r.Address.Addr() || !r.Address.Contains(guess) {
			guess = netip.Addr{}
		}
		text, otherwise := "The gateway, which is the router, or none: ", ""
		if guess.IsValid() {
			text, otherwise = fmt.Sprintf("The gateway, which is the router, or none [%s]: ", guess), guess.String()
		}
		if err := askFor(r.env.Stdout, question, text, otherwise, func(answer string) (err error) {
			if r.Gateway = (netip.Addr{}); answer != "none" {
				if r.Gateway, err = parseIP(answer); err != nil {
					return err
				}
			}
			return r.CheckNetwork()
		}); err != nil {
			return err
		}
	}
	if r.Host != "" {
		return nil
	}
	return askFor(r.env.Stdout, question, "Its name [mqtt]: ", "mqtt", func(answer string) error {
		r.Host = answer
		return appliance.CheckHost(answer)
	})
}

func (r *applianceRun) askWho(question func(string) (string, error)) error {
	if r.Login == "" {
		name := loginOf(r.env)
		if err := askFor(r.env.Stdout, question, fmt.Sprintf("\nWho logs in there by SSH, and is the broker's first user [%s]: ", name), name, func(answer string) error {
			r.Login = answer
			return appliance.CheckLogin(answer)
		}); err != nil {
			return err
		}
	}
	if r.keys != nil || r.findKeys() == nil {
		return nil
	}
	return askFor(r.env.Stdout, question, "The file of the SSH key's public half, as ~/.ssh/id_ed25519.pub: ", "", func(answer string) error {
		if answer == "" {
			return errors.New("the machine takes no password; 'ssh-keygen -t ed25519' makes a key")
		}
		if rest, ok := strings.CutPrefix(answer, "~/"); ok {
			answer = r.env.getenv("HOME") + "/" + rest
		}
		r.keys = []string{answer}
		return r.findKeys()
	})
}

func (r *applianceRun) askBroker(question func(string) (string, error)) error {
	if r.pack != "" {
		return nil
	}
	return askFor(r.env.Stdout, question, "The broker's Debian package for that machine, as zancudo_1.0.0_amd64.deb: ", "", func(answer string) error {
		r.pack = answer
		if strings.Contains(answer, "://") && r.PackageSHA256 == "" {
			return errors.New("a URL needs a checksum: start again with --package and --sha256, or name a file")
		}
		return r.findPackage()
	})
}

func (r *applianceRun) askDisks(question func(string) (string, error)) error {
	if r.Disk != "" || r.VarDisk != "" || r.VarSize != "" {
		return nil
	}
	if r.Target == appliance.CloudInit {
		return askFor(r.env.Stdout, question, "\nA disk of its own for /var, which must be empty, as /dev/sda [none]: ", "none", func(answer string) error {
			if r.VarDisk = answer; answer == "none" {
				r.VarDisk = ""
			}
			return r.CheckDisks()
		})
	}
	if err := askFor(r.env.Stdout, question, "\nThe disk that is erased for the system: ata (SATA, IDE, CompactFlash), nvme, mmc, or a path [ata]: ", "ata", func(answer string) error {
		r.Disk = answer
		return r.CheckDisks()
	}); err != nil {
		return err
	}
	if err := askFor(r.env.Stdout, question, "A partition of its own for /var, as 4G [none]: ", "none", func(answer string) error {
		if r.VarSize = answer; answer == "none" {
			r.VarSize = ""
			return r.CheckDisks()
		}
		o := r.Options
		o.Firmware = appliance.BIOS // it is asked for next
		return o.CheckDisks()
	}); err != nil || r.VarSize == "" || r.Firmware != "" {
		return err
	}
	return askFor(r.env.Stdout, question, "How the machine starts, bios or uefi [uefi]: ", string(appliance.UEFI), func(answer string) error {
		r.Firmware = appliance.Firmware(answer)
		return r.CheckDisks()
	})
}
