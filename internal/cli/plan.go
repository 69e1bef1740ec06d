package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
)

// maxSeed keeps drawn seeds exact in every JSON reader.
const maxSeed = 1 << 53

// loaded is a checked plan and where it sends.
type loaded struct {
	plan      *plan.Plan
	target    target
	overrides []string // as a record may keep them
	noKey     error    // the target wants a key and there is none
}

// load reads a plan from a file and resolves its target. Name "" takes src instead.
func (e *env) load(name string, src []byte, targetFlag string, set []string) (loaded, error) {
	l, err := e.loadKeyless(name, src, targetFlag, set)
	if err == nil {
		err = l.noKey
	}
	return l, err
}

// loadKeyless is load for who sends nothing: a target whose key is missing will do.
func (e *env) loadKeyless(name string, src []byte, targetFlag string, set []string) (loaded, error) {
	o := plan.Options{Set: set, ReadFile: os.ReadFile}
	shown := name
	if name != "" {
		b, err := os.ReadFile(name)
		if err != nil {
			return loaded{}, notExist(fmt.Errorf("read plan: %w", err), "write a first plan with tokenload init")
		}
		src, o.Dir = b, filepath.Dir(name)
		o.FS = os.DirFS(o.Dir)
	} else {
		shown = "built-in plan"
	}
	var t target
	var terr error
	o.RequireBudget = func(p plan.Target) bool {
		t, terr = e.choose(targetFlag, p)
		return terr == nil && !t.sim()
	}
	p, err := plan.Parse(shown, src, o)
	if err != nil {
		return loaded{}, err
	}
	t, terr = e.choose(targetFlag, p.Target)
	if _, noKey := errors.AsType[errNoKey](terr); terr != nil && !noKey {
		return loaded{}, terr
	}
	if !p.SeedGiven {
		drawn := *p
		drawn.Seed = rand.Uint64N(maxSeed)
		p = &drawn
	}
	return loaded{plan: p, target: t, overrides: plan.Redacted(set), noKey: terr}, nil
}

// client is how to reach the plan's target at an address.
func (l loaded) client(url string) client.Config {
	t := l.plan.Target
	return client.Config{
		API: t.API, BaseURL: url, Key: l.target.key, Bearer: l.target.bearer, Version: t.Version, Beta: t.Beta,
		Headers: t.Headers, HTTP: t.HTTP, CAFile: t.CAFile, Timeout: t.Timeout, ConnectTimeout: t.ConnectTimeout,
		StallTimeout: t.StallTimeout, UserAgent: "tokenload/" + Version, Proxy: proxy,
	}
}
