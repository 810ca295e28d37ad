// Package mosqdb reads the persistence file of Mosquitto, mosquitto.db, of
// versions 5 and 6, into plain structs.
//
// It does not write such files, keeps nothing, and decides nothing about what it
// read. Versions before 5, of Mosquitto before 1.6, are refused.
//
// Invariant: no length in a file makes it read beyond the chunk that it is in.
//
//	db, err := mosqdb.Read(file)
//	for _, c := range db.Clients { … }
package mosqdb
