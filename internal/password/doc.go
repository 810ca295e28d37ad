// Package password is Mosquitto's password file and the hashes in it: users are
// looked up, added and deleted, and passwords verified.
//
// It decides nothing about connections, and asks nobody for a password.
//
// Invariant: a [Hash] that was parsed or made can be verified with bounded memory
// and time, whatever the file said; and a file that was edited is either the old
// one or the new one as a whole.
//
//	h, err := password.Parse("$7$101$EU2FDcOmBbGH0y3d$…")
//	if err != nil {
//		return err
//	}
//	welcome := h.Verify([]byte("secret")) // takes as long as h.Cost() says
//
//	err = password.Edit("/etc/mosquitto/passwd", password.Options{}, func(f *password.File) error {
//		f.Set("alice", h)
//		return nil
//	})
package password
