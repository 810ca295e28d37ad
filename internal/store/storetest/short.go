package storetest

import "github.com/cockroachdb/pebble/v2/vfs"

// shortFS is below the faults of a disk: a write that fails, but not at once,
// comes here and leaves a half behind.
type shortFS struct {
	vfs.FS
	disk *Disk
}

func (s shortFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return shortFile{f, name, s.disk}, nil
}

func (s shortFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	return s.wrap(name, f, err)
}

func (s shortFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := s.FS.OpenReadWrite(name, c, o...)
	return s.wrap(name, f, err)
}

func (s shortFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.ReuseForWrite(oldname, newname, c)
	return s.wrap(newname, f, err)
}

// Unwrap returns the file system below.
func (s shortFS) Unwrap() vfs.FS { return s.FS }

type shortFile struct {
	vfs.File
	name string
	disk *Disk
}

func (f shortFile) Write(p []byte) (int, error) {
	fault, ok := f.disk.shorten.LoadAndDelete(f.name)
	if !ok {
		return f.File.Write(p)
	}
	n, err := f.File.Write(p[:len(p)/2])
	if err == nil {
		err = fault.(error)
	}
	return n, err
}
