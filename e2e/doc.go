// Package e2e holds the tests that need what no bubble has: the built program
// as a process of its own, loopback sockets, signals and a full disk. They make
// their own load, bounded in count and time.
package e2e
