//go:build !unix

package daemon

import "os"

var unbuiltSignals []os.Signal

func ignoreBrokenPipes() {}
