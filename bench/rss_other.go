//go:build !unix

package main

import "os"

// peakMiB is 0: this system does not tell.
func peakMiB(*os.ProcessState) float64 { return 0 }
