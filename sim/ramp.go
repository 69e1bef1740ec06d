package sim

import (
	"time"
)

// Ramp is a limit on growth: the requests of a class admitted in the last minute
// may be no more than Free, or than Growth times the mean minute of the ten
// before. The API documents that such a limit exists (ramp_limit_exceeded), and
// no formula: this one is an assumption.
type Ramp struct {
	Growth float64 `yaml:"growth"` // 0 is no limit
	Free   int     `yaml:"free"`   // 0 is 60
}

func (r Ramp) withDefaults() Ramp {
	if r.Free == 0 {
		r.Free = 60
	}
	return r
}

const (
	rampCell   = 10 * time.Second
	rampMinute = int(time.Minute / rampCell)
	rampCells  = 11 * rampMinute // the last minute, and the ten before
)

// growth counts what was admitted, in cells of ten seconds. It is guarded by its
// gate.
type growth struct {
	ramp  Ramp
	start time.Time
	cells [rampCells]int // a ring, by the number of the cell
	now   int            // number of the present cell
}

// advance moves to the cell of a moment and forgets those that are too old.
func (g *growth) advance(now time.Time) {
	at := int(now.Sub(g.start) / rampCell)
	for n := 0; g.now < at && n < rampCells; n++ {
		g.now++
		g.cells[g.now%rampCells] = 0
	}
	g.now = max(g.now, at)
}

// room says whether one more fits in a cell, with nothing admitted until then.
func (g *growth) room(cell int) bool {
	minute, before := 0, 0
	for i := max(0, g.now-rampCells+1, cell-rampCells+1); i <= g.now; i++ {
		if i > cell-rampMinute {
			minute += g.cells[i%rampCells]
		} else {
			before += g.cells[i%rampCells]
		}
	}
	return minute+1 <= g.ramp.Free || float64(minute+1) <= g.ramp.Growth*float64(before)/10
}

// wait is how long until one more fits; 0 is now.
func (g *growth) wait(now time.Time) time.Duration {
	if g.ramp.Growth == 0 {
		return 0
	}
	g.advance(now)
	for cell := g.now; ; cell++ {
		if g.room(cell) {
			return max(0, g.start.Add(time.Duration(cell)*rampCell).Sub(now))
		}
	}
}

func (g *growth) add() {
	if g.ramp.Growth > 0 {
		g.cells[g.now%rampCells]++
	}
}
