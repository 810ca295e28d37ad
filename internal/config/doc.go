// Package config is the language of mosquitto.conf: text in, a typed [Config]
// out.
//
// It opens no files and knows nothing of the broker: the caller brings functions
// that read, and translates the Config into options of the broker and the
// adapters.
//
// Invariant: a word is a row of the table or it does not exist. From its row
// come how the word is read, its default, and all that people read of it: the
// help, docs/configuration.md and the page zancudo.conf(5), which 'go generate'
// writes.
//
// A word whose feature is not built yet is read like any other, and its row has a
// Status: Later is said at the start, Refused is an error, because to pass over
// the word would weaken security. When the feature is built, the Status goes out
// of the row, and that is all.
//
//	c, err := config.Parse("mosquitto.conf", text)
//	if err != nil {
//		return err // Problems: each with its line and how to go on
//	}
//	if len(c.Refusals) > 0 {
//		return c.Refusals
//	}
//	for _, w := range c.Warnings {
//		…
//	}
package config
