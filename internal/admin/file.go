package admin

import (
	"net/http"
	"os"
	"path"
	"strings"
)

// file answers with a file of the directory. There are no lists of files, and
// no way out, by a name or by a link: os.Root sees to that.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if strings.HasSuffix(r.URL.Path, "/") {
		name = path.Join(name, "index.html")
	}
	if name == "" || strings.ContainsAny(name, "\\\x00") {
		refuse(w, http.StatusNotFound, "Not found.")
		return
	}
	root, err := os.OpenRoot(s.options.Dir)
	if err != nil {
		s.options.Logger.Error("http_dir not opened", "err", err)
		refuse(w, http.StatusNotFound, "Not found.")
		return
	}
	defer func() { _ = root.Close() }()                                       // it was only read
	if info, err := root.Stat(name); err != nil || !info.Mode().IsRegular() { // to open a pipe would wait
		refuse(w, http.StatusNotFound, "Not found.")
		return
	}
	f, err := root.Open(name)
	if err != nil {
		refuse(w, http.StatusNotFound, "Not found.")
		return
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		refuse(w, http.StatusNotFound, "Not found.")
		return
	}
	http.ServeContent(w, r, name, info.ModTime(), f)
}
