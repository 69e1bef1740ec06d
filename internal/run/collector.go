package run

import (
	"fmt"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/threshold"
)

// Frame is the state of a run while it goes on. Frames are whole: one that is
// missed costs nothing.
type Frame struct {
	metrics.Frame
	Stage    string
	Planned  int           // requests; 0: as many as the users make
	End      time.Duration // end of the last stage; 0: when all requests are done
	Users    int           // closed loop: users asked for now
	Open     bool          // open loop
	Rate     float64       // of it: arrivals per second asked for now
	InFlight int
	Spend    cost.Spend
}

// collector is the one owner of the log and of the live figures.
type collector struct {
	*execution
	live  *metrics.Live
	usage usage
	err   error // the first failure to record
}

func newCollector(e *execution) *collector {
	watch := make([]metrics.Watch, 0, len(e.Plan.Thresholds))
	for _, t := range e.Plan.Thresholds {
		watch = append(watch, metrics.Watch{Metric: t.Expr.Metric, Tags: t.Expr.Selector})
	}
	l := e.Plan.Load
	meta := metrics.Meta{
		Planned: e.manifest.Load.Planned, OpenLoop: l.Mode == plan.Arrivals, WarmUp: l.WarmUp, End: l.End,
		MaxInFlight: l.MaxInFlight, SLOTTFT: e.Plan.SLO.TTFT, SLOE2E: e.Plan.SLO.E2E, Clock: e.manifest.Clock,
	}
	c := &collector{execution: e, live: metrics.NewLive(meta, watch...)}
	c.usage.cpuShare() // from now on, so that the first second counts
	return c
}

// collect takes in results until the channel is closed.
func (c *collector) collect(results <-chan call.Result) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case r, more := <-results:
			if !more {
				c.tick()
				return
			}
			c.add(r)
		case <-tick.C:
			c.tick()
		}
	}
}

func (c *collector) add(r call.Result) {
	c.check(c.writer.Append(r))
	c.live.Add(r)
	if c.Observe != nil {
		c.Observe(r)
	}
}

// tick does what is due once a second: sample, flush, frame, abort thresholds.
func (c *collector) tick() {
	f := c.frame()
	s := metrics.Sample{
		T: f.At, Stage: f.Stage, Users: f.Users, TargetRate: f.Rate, InFlight: f.InFlight,
		CPU: c.usage.cpuShare(), Memory: memory(), Goroutines: goroutines(),
		ReadLagMax: c.client.ReadLag(), Spent: f.Spend.Spent, Reserved: f.Spend.Reserved,
		Headroom: c.monitor.Headroom(), Exhaustion: c.monitor.Exhaustion(time.Now()),
	}
	c.check(c.writer.Sample(s))
	c.check(c.writer.Flush())
	if c.Progress != nil {
		c.Progress(f)
	}
	c.abort(f.At)
}

func (c *collector) frame() Frame {
	at := max(time.Since(c.start), 0)
	l := c.Plan.Load
	f := Frame{
		Frame: c.live.Frame(at), Planned: c.manifest.Load.Planned, End: l.End,
		InFlight: int(c.inFlight.Load()), Spend: c.guard.Spend(), Open: l.Mode == plan.Arrivals,
	}
	if i := l.Profile.StageAt(at); i >= 0 {
		f.Stage = l.Profile.Stages[i].Name
	}
	switch {
	case l.Mode == plan.Arrivals:
		f.Rate = l.Profile.Target(at)
	case l.Requests > 0:
		f.Users = l.Users
	default:
		f.Users = l.Profile.Users(at)
	}
	return f
}

// abort ends the run when a threshold that asks for it fails.
func (c *collector) abort(at time.Duration) {
	for _, t := range c.Plan.Thresholds {
		if !t.AbortOnFail || at < t.Delay {
			continue
		}
		if t.Expr.Judge(c.live).Verdict == threshold.Failed {
			c.halt("threshold", fmt.Sprintf("%s %s failed and says abort_on_fail", t.Metric, t.Expression))
		}
	}
}

// check notes the first failure to record and ends the run: what we cannot
// record we must not pay for.
func (c *collector) check(err error) {
	if err == nil || c.err != nil {
		return
	}
	c.err = err
	c.halt("error", err.Error())
	c.cancel(err)
}
