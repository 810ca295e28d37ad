//go:build !unix

package daemon

func ignoreBrokenPipes() {}
