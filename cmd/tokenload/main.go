// Command tokenload load-tests the Claude Messages API and servers that speak it.
package main

import (
	"context"
	"os"

	"github.com/tokenload/tokenload/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
