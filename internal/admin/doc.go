// Package admin shows the broker to programs and browsers by HTTP: the three
// pages of Mosquitto's http_api, files of a directory beside them, and pages of
// our own for those who watch over it.
//
// It changes nothing, and knows the broker only as its View.
//
// Invariant: what a request asks for is read, bounded in size and time, and the
// files are those of one directory, whatever its name for them is.
//
//	s := admin.NewServer(admin.Options{View: view, Dir: "/usr/share/zancudo"})
//	go s.Serve(listener)
package admin
