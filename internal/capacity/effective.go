package capacity

import (
	"time"
)

// effective is the load that a step really was. Arrivals at random are some
// percent more or fewer than asked for in a minute, and their answers longer or
// shorter than usual: near a knee that is as much as what is looked for, and it is
// known. Users are what they are.
func (s *Search) effective(d *done) float64 {
	if d.Users || d.Ramp > 0 || len(d.Calls) < 20 {
		return d.Load
	}
	n, tokens, ended := 0.0, 0.0, 0.0
	last := time.Duration(0)
	for i := range d.Calls {
		c := &d.Calls[i]
		n++
		last = max(last, c.Due)
		if c.billed() {
			ended++
			tokens += float64(c.Output)
		}
	}
	asked := d.Load * (max(d.Length, last) + (LeadTimes-1)*min(d.Lead, d.Length)).Seconds()
	load := d.Load
	if asked > 0 {
		load *= n / asked
	}
	usual := s.usualOutput()
	if ended > 0 && usual > 0 {
		load *= 1 + s.tokenPart()*(tokens/ended/usual-1)
	}
	return load
}

// usualOutput is the mean output of a request, over all steps.
func (s *Search) usualOutput() float64 {
	sum, n := 0.0, 0.0
	for _, m := range s.samples {
		sum, n = sum+m.output, n+m.n
	}
	return sum / max(n, 1)
}

// tokenPart is the part of a request's time at little load that goes with its
// output: the slope of time on tokens, as a part of the mean time.
func (s *Search) tokenPart() float64 {
	var n, x, y, xx, xy float64
	s.atLeisure(func(c *Call) {
		t, took := float64(c.Output), (c.Done - c.Due).Seconds()
		n, x, y, xx, xy = n+1, x+t, y+took, xx+t*t, xy+t*took
	})
	spread := xx - x*x/max(n, 1)
	if n < 20 || spread <= 0 || y <= 0 {
		return 0
	}
	slope := (xy - x*y/n) / spread
	return min(max(slope*x/y, 0), 1)
}
