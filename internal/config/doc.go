// Package config is the language of mosquitto.conf: text in, a typed [Config]
// out.
//
// It opens no files and knows nothing of the broker: the caller brings the text
// and translates the Config into options of the broker and the adapters.
//
// Invariant: a word is a row of the table or it does not exist. From its row
// come how the word is read, its default, and the sentence that explains it; a
// word of Mosquitto that is not built yet has a row that says whether it may be
// passed over.
//
//	c, err := config.Parse("mosquitto.conf", text)
//	if err != nil {
//		return err // a Problems: each with its line and how to go on
//	}
//	for _, w := range c.Warnings {
//		…
//	}
package config
