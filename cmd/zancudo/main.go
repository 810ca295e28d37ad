package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/zancudomq/zancudo/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	status := cli.Main(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	os.Exit(status)
}
