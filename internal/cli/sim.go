package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/tokenload/tokenload/sim"
)

type simCommand struct {
	Addr     string   `help:"Where to listen; loopback unless you say otherwise." default:"127.0.0.1:8787" placeholder:"HOST:PORT"`
	Tier     string   `help:"Rate limits: start, build, scale, tier1 to tier4 (default: none)." placeholder:"NAME"`
	Profile  string   `help:"Latency: measured, instant or steady." default:"measured" placeholder:"NAME"`
	Seed     uint64   `help:"Seed of every draw." placeholder:"N"`
	Answer   float64  `help:"Median length of an answer as a share of max_tokens." placeholder:"SHARE"`
	AnyModel string   `help:"Serve unknown model names as this class, such as haiku-4-5 (default: 404)." placeholder:"CLASS"`
	Fault    []string `help:"What goes wrong, such as 'status=529; p=0.1'. Repeatable." placeholder:"FAULT" sep:"none"`
	Key      []string `help:"A key to accept (default: any)." placeholder:"KEY"`
	Log      bool     `help:"Log each request to standard error."`
}

// Run carries out the command.
func (c *simCommand) Run(e *env) error {
	conf := sim.Config{
		Addr: c.Addr, Tier: c.Tier, Profile: c.Profile, Seed: c.Seed, Answer: c.Answer, AnyModel: c.AnyModel, Keys: c.Key,
	}
	for _, text := range c.Fault {
		f, err := sim.ParseFault(text)
		if err != nil {
			return usageError{err}
		}
		conf.Faults = append(conf.Faults, f)
	}
	if c.Log {
		conf.Log = slog.New(slog.NewTextHandler(e.stderr, nil))
	}
	if _, err := sim.New(conf); err != nil {
		return usageError{err}
	}
	s, err := sim.Start(conf)
	if err != nil {
		return hinted{err, "choose another address with --addr, such as --addr 127.0.0.1:0 for a free port"}
	}
	stop, ctx, done := e.interrupts("stopping")
	defer done()
	e.say("simulator ready on %s", s.URL)
	select {
	case <-stop:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		return s.Close()
	}
	return nil
}
