// Command simulator measures what the simulator costs: many slow streams, and as
// many plain answers as it can give.
//
//	go run ./bench/simulator            # both, a minute
//	go run ./bench/simulator -profile . # and CPU and heap profiles of the server
//
// The simulator runs in a process of its own. Its load comes from a client that is
// as bare as can be, and not tokenload's own: bytes written before, answers
// counted and thrown away. Both share the machine, so the client takes a part of
// the cores that the figures are for; how much is printed.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// What is wanted on two cores.
const (
	goalLateness = 5 * time.Millisecond
	goalMemory   = 40.0   // KiB a stream
	goalRate     = 20_000 // plain answers a second
)

func main() {
	serving := flag.String("serve", "", "be the server: streams or requests")
	profile := flag.String("profile", "", "folder for the server's profiles")
	only := flag.String("only", "", "streams or requests (default: both)")
	flag.Parse()
	var err error
	if *serving != "" {
		err = serve(*serving, *profile)
	} else {
		err = bench(*only, *profile)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

func bench(only, profile string) error {
	for _, b := range []struct {
		name string
		run  func(*server) error
	}{{"streams", streams}, {"requests", requests}} {
		if only != "" && only != b.name {
			continue
		}
		s, err := spawn(b.name, profile)
		if err != nil {
			return err
		}
		if err := errors.Join(b.run(s), s.stop()); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

// server is the simulator in a process of its own.
type server struct {
	cmd   *exec.Cmd
	close func() error
	addr  string
}

// spawn starts this program again, as the server.
func spawn(kind, profile string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if profile != "" {
		if profile, err = filepath.Abs(profile); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(self, "-serve", kind, "-profile", profile)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Process.Kill()
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), cmd.Wait())
	}
	return &server{cmd: cmd, close: in.Close, addr: strings.TrimPrefix(strings.TrimSpace(url), "http://")}, nil
}

// stop closes the server's standard input, at which it ends.
func (s *server) stop() error { return errors.Join(s.close(), s.cmd.Wait()) }
