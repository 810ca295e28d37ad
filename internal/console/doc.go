// Package console is how commands reach the brokers that run on this machine: a
// unix socket for each of them in one directory, and requests of JSON over HTTP.
//
// It is not for the network and knows no passwords: who may open the socket may
// ask for everything, and that is the user the broker runs as, and root.
//
// Invariant: a socket in the directory belongs to a broker that runs, or to none
// and is removed by who finds it.
//
//	l, err := console.Listen(dir)
//	…
//	go console.Serve(l, map[string]console.Handler{"reload": reload})
//
//	brokers, err := console.Find(dir)
//	…
//	err = brokers[0].Call(ctx, "reload", nil, &report)
//	err = brokers[0].Fetch(ctx, "backup", nil, file)
package console
