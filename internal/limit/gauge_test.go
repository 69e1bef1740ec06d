package limit

import (
	"math"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// What headers do to the level, given what was charged before and after their
// request left. The limit is 60,000 a minute and a fifth of it is not ours, so
// 48,000 are there at the start; a second brings 1,000.
func TestGaugeLearn(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name      string
		known     bool // the limit was known when the request left
		before    float64
		own       float64
		open      float64
		since     float64
		remaining int64
		want      float64 // level two seconds after the request left
	}{
		// Never heard of it: the header, less half its grain, plus two seconds, less what left since.
		{"first header", false, 0, 500, 0, 3000, 40_000, 40_000 - 12_000 - 500 + 2000 - 3000},
		{"first header, exact", false, 0, 500, 0, 3000, 40_001, 40_001 - 12_000 + 2000 - 3000},
		{"agrees", true, 10_000, 500, 0, 3000, 49_500, 48_000 - 10_500 + 2000 - 3000},
		{"agrees within its grain", true, 10_000, 500, 0, 3000, 49_000, 48_000 - 10_500 + 2000 - 3000},
		{"others use it", true, 10_000, 500, 0, 3000, 30_000, 30_500 - 12_000 + 2000 - 3000},
		{"we thought too little", true, 30_000, 500, 0, 3000, 40_000, 39_500 - 12_000 + 2000 - 3000},
		{"more, but that may be what is open", true, 30_000, 500, 12_000, 3000, 40_000, 48_000 - 30_500 + 2000 - 3000},
		{"more than what is open", true, 30_000, 500, 4_000, 3000, 40_000, 39_500 - 4000 - 12_000 + 2000 - 3000},
		{"full", true, 0, 0, 0, 0, 60_000, 48_000},
	} {
		g := gauge{share: 0.8, began: 1}
		if c.known {
			g.shape(1, 60_000)
		}
		g.charge(1, c.before, 0)
		var k ticket
		k.at = 1
		k.marks[inputTokens] = g.charge(1, c.own, c.open)
		g.charge(1+s, c.since, 0)
		g.learn(1+2*s, &k, inputTokens, *said(60_000, c.remaining))
		if g.server.advance(1 + 2*s); math.Abs(g.server.level-c.want) > 1e-3 {
			t.Errorf("%s: level %v; want %v", c.name, g.server.level, c.want)
		}
	}
}

// A correction counts once, though every answer under way asks for it; and an
// answer to an earlier request says nothing any more.
func TestGaugeLearnsOnce(t *testing.T) {
	const s = time.Second
	g := gauge{share: 1, began: 1}
	g.shape(1, 60_000)
	ks := make([]ticket, 5)
	for i := range ks {
		ks[i].at = time.Duration(1 + i)
		ks[i].marks[inputTokens] = g.charge(1, 0, 0)
	}
	for _, i := range []int{0, 1, 4, 3, 2} { // all of them find ten thousand less
		g.learn(1, &ks[i], inputTokens, *said(60_000, 49_999))
	}
	if g.server.level != 49_999 {
		t.Errorf("level %v; want 49999", g.server.level)
	}
	g.learn(1+s, &ks[2], inputTokens, *said(60_000, 5))
	if g.server.level != 49_999 {
		t.Errorf("level %v after old news; want 49999", g.server.level)
	}
}

// A limit that is changed keeps what was used of the old one.
func TestGaugeShape(t *testing.T) {
	g := gauge{share: 0.5, charged: 400}
	g.shape(10*time.Second, 600)
	if g.server.level != 0 || g.server.capacity != 300 || g.server.rate != 10 {
		t.Errorf("server %+v; want 300 less the 400 used plus 100 refilled", g.server)
	}
	if want := 300 - (400 - 0.51*100); math.Abs(g.pace.level-want) > 1e-9 || math.Abs(g.pace.rate-5.1) > 1e-9 {
		t.Errorf("pace %+v; want %v at 5.1 a second", g.pace, want)
	}
	g.charged = 1e9
	if g.shape(10*time.Second, 1200); g.server.level != -600 {
		t.Errorf("level %v; want a debt of one bucket at most, -600", g.server.level)
	}
}

// Headers that name no limit one can pace by leave the gauge open.
func TestGaugeLearnsNothing(t *testing.T) {
	for _, h := range []call.Limit{{}, *said(-1, 30), *said(0, 0), {Limit: new(int64(-5)), Remaining: new(int64(-1))}} {
		g := gauge{share: 0.9, began: 1}
		k := ticket{at: 1}
		k.marks[requests] = g.charge(1, 1, 0)
		g.learn(2, &k, requests, h)
		if at := g.ready(2, 1e9); g.limit != 0 || at != 2 {
			t.Errorf("limit %v, remaining %v: limit %v, ready at %v; want none, at once", h.Limit, h.Remaining, g.limit, at)
		}
	}
}

// A limit without what remains of it is full, but for what we used.
func TestGaugeLimitAlone(t *testing.T) {
	g := gauge{share: 0.9, began: 1}
	k := ticket{at: 1}
	k.marks[requests] = g.charge(1, 100, 0)
	g.learn(1+time.Second, &k, requests, *said(600, -1))
	if g.server.level != 540-100+10 {
		t.Errorf("level %v; want 450", g.server.level)
	}
}
