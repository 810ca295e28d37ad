//go:build !unix

package service

import (
	"context"
	"errors"
)

// Background is not supported: let the system start the program as a service.
func Background(context.Context) (status int, err error) { return 1, errors.ErrUnsupported }

// Parent is the process that has started this one for the background; here there
// is none.
type Parent struct{}

// InBackground returns nil: no process is started for the background.
func InBackground() *Parent { return nil }

// Ready does nothing.
func (p *Parent) Ready() error { return nil }
