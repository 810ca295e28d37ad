//go:build !linux

package zancudo_test

import (
	"context"
	"os/exec"
	"testing"
)

func onMachine(_ context.Context, t *testing.T, _, _ string) {
	t.Helper()
	t.Skip("pages are played on machines of their own, which takes Linux")
}

func thisMachine(*testing.T) string { return "" }

func machineCommand(ctx context.Context, script string, _ bool) *exec.Cmd {
	return exec.CommandContext(ctx, "sh", "-euc", script)
}
