// Package tree is a live tree of topics, as sub --tree shows it: messages, keys
// and the time go in, the lines of a screen come out.
//
// It knows no terminal: it writes nothing, and the caller says how large the
// screen is and what time it is. A Tree is not for several goroutines at once.
//
// Invariant: a line has no more columns than the screen, and nothing of a message
// reaches the terminal but printable characters.
//
//	t := tree.New(tree.Options{Title: "localhost:1883"})
//	t.Add(tree.Message{Topic: "kitchen/temperature", Payload: []byte("21.5")}, now)
//	quit := t.Input([]byte("j"), now)
//	for i, line := range t.Lines(80, 24, now) {
//		…
//	}
package tree
