//go:build !unix

package cli

import "os"

// resizes would tell when the size of the terminal changes; here nobody says so.
func resizes() (changed <-chan os.Signal, stop func()) { return nil, func() {} }
