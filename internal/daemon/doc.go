// Package daemon turns a configuration into a running broker: it opens the
// listeners, has the log written where it belongs, and shuts down in order.
//
// It is not the command line, and no part of serving a client: what it plugs
// together does not know it.
//
// Invariant: a configuration that cannot be served as it is written is not
// served at all. Nothing is opened before all of it has been understood.
//
//	c, err := daemon.Load("mosquitto.conf", os.Environ())
//	if err != nil {
//		return err
//	}
//	err = daemon.Run(ctx, daemon.Options{Config: c, Version: "1.2.3", Stdout: os.Stdout, Stderr: os.Stderr})
package daemon
