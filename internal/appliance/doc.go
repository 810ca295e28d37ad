// Package appliance makes the seed of a machine that stands on a shelf without
// screen and keyboard and runs the broker: the files by which Ubuntu Server's
// installer, or cloud-init on any image, sets it up without a question.
//
// It writes nothing and asks nobody: options in, files out. It does not know
// what a user typed, and it installs nothing itself; first-boot, the script that
// does, is in firstboot.sh.
//
// Invariant: a seed holds no secret. Nobody logs in with a password, and that of
// the broker's first user is made on the machine, into a file that only root reads.
//
//	o := appliance.Options{Target: appliance.CloudInit, Host: "mqtt", Login: "alice", User: "alice", …}
//	if err := o.Check(); err != nil {
//		return err
//	}
//	files, err := appliance.Files(o)
package appliance
