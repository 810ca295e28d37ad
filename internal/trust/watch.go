package trust

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"time"
)

// Mark is how a file looked. A link is followed, so that one that leads
// elsewhere counts as another file.
type Mark struct {
	path string
	info os.FileInfo // nil: it is not there, or may not be looked at
}

// Look looks at a file.
func Look(path string) Mark {
	info, _ := os.Stat(path) // an error is a way to look, too
	return Mark{path, info}
}

// Changed reports whether the file looks otherwise now.
func (m Mark) Changed() bool { return !m.equal(Look(m.path)) }

func (m Mark) equal(o Mark) bool {
	if m.path != o.path || m.info == nil || o.info == nil {
		return m.path == o.path && m.info == nil && o.info == nil
	}
	return os.SameFile(m.info, o.info) && m.info.ModTime().Equal(o.info.ModTime()) && m.info.Size() == o.info.Size()
}

// marks look at all the files that o names.
func (o *Options) marks() (all []Mark) {
	look := func(path string) {
		if path != "" {
			all = append(all, Look(path))
		}
	}
	for _, p := range o.Certificates {
		look(p.CertFile)
		look(p.KeyFile)
	}
	look(o.CAFile)
	look(o.CRLFile)
	look(o.CAPath)
	if o.CAPath != "" {
		entries, _ := os.ReadDir(o.CAPath)
		for _, e := range entries {
			if hashed.MatchString(e.Name()) {
				look(filepath.Join(o.CAPath, e.Name()))
			}
		}
	}
	return all
}

// Changed reports whether a file looks otherwise than when it was read.
func (t *Trust) Changed() bool {
	now := t.options.marks()
	if len(now) != len(t.marks) {
		return true
	}
	for i, m := range now {
		if !m.equal(t.marks[i]) {
			return true
		}
	}
	return false
}

// Options are those that t was loaded with.
func (t *Trust) Options() Options { return t.options }

// AsksLike reports whether t accepts the clients that other accepts.
func (t *Trust) AsksLike(other *Trust) bool { return t.demands() == other.demands() }

// demands stand for all that decides which clients are accepted.
type demands struct {
	clients     Demand
	anyDate     bool
	authorities [sha256.Size]byte
	revocations [sha256.Size]byte
}

func (t *Trust) demands() demands {
	authorities, revocations := sha256.New(), sha256.New()
	for _, c := range t.authorities.certs {
		_, _ = authorities.Write(c.Raw) // never fails
	}
	for _, list := range t.lists {
		_, _ = revocations.Write(list.Raw)
	}
	d := demands{clients: t.options.Clients, anyDate: t.options.AnyDate}
	authorities.Sum(d.authorities[:0])
	revocations.Sum(d.revocations[:0])
	return d
}

// End is when something ends that a listener needs.
type End struct {
	Word  string // of the configuration, that names the file
	Path  string
	Until time.Time
}

// Ends tell when each of the files has to be renewed: when the first of the
// certificates or lists in it is out of date.
func (t *Trust) Ends() (all []End) {
	for i, p := range t.options.Certificates {
		e := End{Word: "certfile", Path: p.CertFile}
		for _, c := range t.chainsOwn[i] {
			e.first(c.NotAfter)
		}
		all = append(all, e)
	}
	if t.options.Clients == None {
		return all
	}
	if t.options.CAFile != "" {
		e := End{Word: "cafile", Path: t.options.CAFile}
		for _, c := range t.authorities.certs[:t.authorities.inFile] {
			e.first(c.NotAfter)
		}
		all = append(all, e)
	}
	if e := (End{Word: "crlfile", Path: t.options.CRLFile}); e.Path != "" {
		for _, list := range t.lists {
			e.first(list.NextUpdate)
		}
		if !e.Until.IsZero() {
			all = append(all, e)
		}
	}
	return all
}

// first notes that something ends, if nothing ends before.
func (e *End) first(t time.Time) {
	if !t.IsZero() && (e.Until.IsZero() || t.Before(e.Until)) {
		e.Until = t
	}
}
