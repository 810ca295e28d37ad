// Package atomicfile puts a file in the place of another, whole or not at all.
//
// It is not for files that grow, as logs, nor for those of the store, which has a
// file system of its own.
//
// Invariant: at any moment, that of a power failure included, the name stands for
// the old file or for the new one, and never for a part. When Write returns nil,
// the new one lasts.
//
//	err := atomicfile.Write("/etc/zancudo/rules", text, atomicfile.Options{Mode: 0o644})
package atomicfile
