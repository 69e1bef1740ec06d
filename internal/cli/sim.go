package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/tokenload/tokenload/sim"
)

const simAddr = "127.0.0.1:8787"

type simCommand struct {
	Config   string   `help:"A YAML file of everything below and more; flags beat it. See docs/format/sim.md." placeholder:"FILE"`
	Addr     string   `help:"Where to listen; loopback unless you say otherwise (default: 127.0.0.1:8787)." placeholder:"HOST:PORT"`
	TLS      bool     `name:"tls" help:"Serve HTTPS with a self-signed certificate."`
	CertOut  string   `help:"Write that certificate to a file, for clients to trust." placeholder:"FILE"`
	Tier     string   `help:"Rate limits: start, build, scale, tier1 to tier4 (default: none)." placeholder:"NAME"`
	Profile  string   `help:"Latency: measured, instant or steady, or a file with the latency rows of a configuration (default: measured)." placeholder:"NAME|FILE"`
	Seed     *uint64  `help:"Seed of every draw." placeholder:"N"`
	Answer   *float64 `help:"Median length of an answer as a share of max_tokens (default: 0.25)." placeholder:"SHARE"`
	AnyModel string   `help:"Serve unknown model names as this class, such as haiku-4.5 (default: 404)." placeholder:"CLASS"`
	Fault    []string `help:"What goes wrong, such as 'status=529; p=0.1'. Repeatable; in place of the file's." placeholder:"FAULT" sep:"none"`
	Key      []string `help:"A key to accept (default: any). Repeatable." placeholder:"KEY"`
	Log      bool     `help:"Log each request to standard error."`
	UntilEOF bool     `name:"until-eof" help:"End when standard input does: with the program that started it, however that ends."`
}

// Run carries out the command.
func (c *simCommand) Run(e *env) error {
	conf, err := c.config(e)
	if err != nil {
		return err
	}
	s, err := sim.Start(conf)
	if err != nil {
		return hintStart(err)
	}
	if host, _, err := net.SplitHostPort(conf.Addr); err == nil && !loopback(host) {
		e.say("listening beyond loopback: whoever reaches this can read /sim/truth and change /sim/config")
	}
	stop, ctx, done := e.interrupts("stopping")
	defer done()
	e.say("simulator ready on %s", s.URL)
	select {
	case <-stop:
	case <-ctx.Done():
	case <-c.eof(e.stdin):
	case <-s.Done(): // the port was taken while a fault had it closed
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = s.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = nil // what was still open has been closed
	}
	e.tellServed(s.Totals())
	return hintStart(err)
}

// eof is closed when standard input ends, if that was asked for. Nobody can wait
// for who reads it: a read that nothing answers cannot be called off.
func (c *simCommand) eof(stdin io.Reader) <-chan struct{} {
	if !c.UntilEOF {
		return nil
	}
	end := make(chan struct{})
	go func() {
		defer close(end)
		io.Copy(io.Discard, stdin) //nolint:errcheck // an input that cannot be read has ended
	}()
	return end
}

// config is the file's configuration, with the flags over it.
func (c *simCommand) config(e *env) (sim.Config, error) {
	conf := sim.Config{}
	if c.Config != "" {
		src, err := os.ReadFile(c.Config)
		if err != nil {
			return conf, notExist(fmt.Errorf("read the configuration: %w", err), "docs/format/sim.md says what such a file holds; without --config there are defaults")
		}
		if conf, err = sim.ParseConfig(c.Config, src); err != nil {
			return conf, err
		}
	}
	for _, f := range []struct {
		flag string
		into *string
	}{{c.Addr, &conf.Addr}, {c.CertOut, &conf.CertOut}, {c.Tier, &conf.Tier}, {c.AnyModel, &conf.AnyModel}} {
		if f.flag != "" {
			*f.into = f.flag
		}
	}
	if err := c.profile(&conf); err != nil {
		return conf, err
	}
	if conf.Addr == "" {
		conf.Addr = simAddr
	}
	if c.Seed != nil {
		conf.Seed = *c.Seed
	}
	if c.Answer != nil {
		conf.Answer = *c.Answer
	}
	if len(c.Key) > 0 {
		conf.Keys = c.Key
	}
	conf.TLS = conf.TLS || c.TLS
	if c.Log {
		conf.Log = slog.New(slog.NewTextHandler(e.stderr, nil))
	}
	return conf, c.checkFlags(&conf)
}

// profile sets the latency: a profile by its name, or the rows of a file over
// the measured ones. A file that has anything else in it is refused: it would
// seem to be in force.
func (c *simCommand) profile(conf *sim.Config) error {
	if filepath.Ext(c.Profile) == "" {
		conf.Profile = cmp.Or(c.Profile, conf.Profile)
		return nil
	}
	src, err := os.ReadFile(c.Profile)
	if err != nil {
		return notExist(fmt.Errorf("read the profile: %w", err), "a profile is measured, instant, steady, or a file with latency rows; docs/format/sim.md has their fields")
	}
	rows, err := sim.ParseConfig(c.Profile, src)
	if err != nil {
		return err
	}
	conf.Profile, conf.Latency, rows.Latency = sim.Measured, rows.Latency, nil
	if len(conf.Latency) == 0 || !reflect.DeepEqual(rows, sim.Config{}) {
		return usageError{fmt.Errorf("profile %q: want latency and nothing else; a whole configuration goes to --config", c.Profile)}
	}
	return nil
}

// checkFlags reads the faults and finds what is wrong with the flags, all of it:
// a file has been checked by now.
func (c *simCommand) checkFlags(conf *sim.Config) error {
	var all []error
	for i, text := range c.Fault {
		if i == 0 {
			conf.Faults = nil
		}
		f, err := sim.ParseFault(text)
		if err != nil {
			all = append(all, err)
			continue
		}
		conf.Faults = append(conf.Faults, f)
	}
	if _, err := sim.New(*conf); err != nil {
		all = append(all, err)
	}
	if len(all) > 0 {
		return usageError{errors.Join(all...)}
	}
	return nil
}

// hintStart adds advice to what keeps the simulator from listening.
func hintStart(err error) error {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return hinted{err, "choose another address with --addr, such as --addr 127.0.0.1:0 for a free port"}
	}
	return err
}

// tellServed says what was served, and how true its times were.
func (e *env) tellServed(t sim.Totals) {
	e.say("served %d requests, %d input and %d output tokens, $%.4f; wrote late by %v (p50), %v (p99), %v at most",
		t.Requests, t.InputTokens+t.CacheWrite5m+t.CacheWrite1h+t.CacheRead, t.OutputTokens, t.Billed.Dollars(),
		t.LatenessMedian, t.LatenessP99, t.LatenessMax.Round(time.Microsecond))
	for _, w := range t.Warnings() {
		e.say("warning: %s", w)
	}
}
