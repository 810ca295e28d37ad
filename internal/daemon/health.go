package daemon

import "context"

// Health is the answer to the console's request for it.
type Health struct {
	Serving string `json:"serving"` // a sentence: where the broker is found
	// Trouble is what works less well than it should, though clients are served;
	// empty: nothing.
	Trouble string `json:"trouble"`
}

// handleHealth sends a message through the broker, which shows more than that it
// runs. It is an error if that does not arrive.
func (d *daemon) handleHealth(ctx context.Context, _ []byte) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	if err := selfTest(ctx, d.broker); err != nil {
		return nil, err
	}
	return Health{Serving: serves(d.served.Load()), Trouble: view{daemon: d}.Trouble()}, nil
}
