//go:build !unix

package daemon

import "os"

func identity(*os.File) (device, inode uint64, ok bool) { return 0, 0, false }
