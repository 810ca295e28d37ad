package storetest

import (
	"testing"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) Opener { return new(Memory).Open })
}
