//go:build !unix

package atomicfile

import (
	"io/fs"
	"os"
)

// takeOwner does nothing where files have no owner that could be set.
func takeOwner(*os.File, fs.FileInfo) error { return nil }

// cannotSync is true of all errors: here a directory is not synced at all.
func cannotSync(error) bool { return true }
