// Package mosqdb reads the persistence file of Mosquitto, mosquitto.db, of all
// versions from 2 to 6, into plain structs.
//
// It keeps nothing, and decides nothing about what it read. It writes one file
// only: the one without anything in it, which Marker gives.
//
// Invariant: no length in a file makes it read beyond the chunk that it is in;
// what comes before damage is read as if the file ended there.
//
//	db, err := mosqdb.Read(file)
//	for _, c := range db.Clients { … }
package mosqdb
