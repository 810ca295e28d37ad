// Package mosqlite reads the database of Mosquitto's plugin persist-sqlite,
// mosquitto.sqlite3, with what a process that was killed has left in its
// write-ahead log, into what package mosqdb has for Mosquitto's own file.
//
// It is not an SQL engine: it goes through tables from their first row to the
// last, in files of SQLite 3 in UTF-8, and knows no index. It writes nothing.
//
// Invariant: no number in a file makes it read outside of a page, go in a circle,
// or take more memory than a few times the size of the file.
//
//	db, err := mosqlite.Read("/var/lib/mosquitto/mosquitto.sqlite3")
package mosqlite
