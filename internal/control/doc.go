// Package control is the language of requests to topics below $CONTROL: commands
// as JSON in, responses as JSON out.
//
// It knows no topics and no broker, and what the commands do is the affair of
// their handlers.
//
// Invariant: each command has one response, in its order, and one that fails does
// not keep the next from being done.
//
//	answer := control.Answer(payload, map[string]control.Handler{
//		"listListeners": func(c control.Command) (any, error) { … },
//	})
package control
