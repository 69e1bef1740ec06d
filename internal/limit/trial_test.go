package limit

import (
	"math"
	"testing"
	"time"
)

const second = time.Second

// What a further 429 makes of a rate, when the last one came at 100 s, after
// 12,800 units: a limit of 80 a second whose bucket held a minute.
func TestTrialEstimate(t *testing.T) {
	for _, c := range []struct {
		name  string
		rate  float64 // before
		now   time.Duration
		since float64 // used since the last 429
		open  float64
		want  float64
	}{
		{"both figures agree", 100, 160 * second, 4800, 0, 80},
		{"but no more than a half goes", 200, 160 * second, 4800, 0, 100},
		{"and something must go", 80, 160 * second, 4800, 0, 72},
		{"the bucket is of another size", 200, 160 * second, 9000, 0, 180},
		{"or so much is open that it may be the same", 150, 160 * second, 9000, 3000, 21_800. / 220},
		{"refused before it grew", 100, 104 * second, 280, 0, 70.5},
		{"refused at once", 100, 104 * second, 0, 0, 0.5},
		{"refused before it grew, with much open", 100, 104 * second, 280, 500, 13_080. / 164},
	} {
		tr := trial{on: true, share: 1, rate: c.rate, cutAt: 100 * second, used: 12_800}
		used := 12_800 + c.since
		if got := tr.estimate(c.now, used, used/(60+c.now.Seconds()), refusal{units: 1, open: c.open}); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v a second; want %v", c.name, got, c.want)
		}
	}
}

func TestTrialFirstCut(t *testing.T) {
	for _, c := range []struct {
		name    string
		elapsed float64
		charged float64
		open    float64
		after   float64
		want    float64
		blind   bool
	}{
		{"a full bucket that is empty now", 60, 9600, 0, 1, 80, false},
		{"less what is still to come", 60, 9600, 1200, 1, 70, false},
		{"sent so fast that the bucket may be small", 2, 4000, 0, 1, 500, false},
		{"refused from the start", 10, 0, 0, 4, 0.25, true},
	} {
		var tr trial
		tr.share = 1
		now := 5*second + time.Duration(c.elapsed*float64(second))
		tr.cut(now, refusal{sent: now - 1, began: 5 * second, units: 1, charged: c.charged, open: c.open, after: c.after})
		if math.Abs(tr.rate-c.want) > 1e-9 || tr.blind != c.blind {
			t.Errorf("%s: %v a second, blind %v; want %v, %v", c.name, tr.rate, tr.blind, c.want, c.blind)
		}
		if want := now + time.Duration(c.after)*second; tr.bucket.level != -c.open || tr.bucket.at != want {
			t.Errorf("%s: bucket %v at %v; want %v at %v", c.name, tr.bucket.level, tr.bucket.at, -c.open, want)
		}
		before := tr
		if tr.cut(now+second, refusal{sent: now, units: 1, charged: 9e9, after: 1}); tr != before {
			t.Errorf("%s: a 429 of a request under way then changed %+v into %+v", c.name, before, tr)
		}
	}
}

func TestTrialSure(t *testing.T) {
	tr := trial{share: 1}
	at, used := time.Duration(0), 4800.
	for i, want := range []bool{false, true, true} {
		for range []int{60, 60, 300}[i] {
			at += second
			used += 80
			tr.grow(at, true)
		}
		tr.cut(at, refusal{sent: at - 1, units: 1, charged: used, after: 1})
		if tr.sure != want || math.Abs(tr.rate-80) > 1 {
			t.Errorf("429 %d: %v a second, sure %v; want 80, %v", i, tr.rate, tr.sure, want)
		}
	}
}

func TestTrialGrow(t *testing.T) {
	for _, c := range []struct {
		name        string
		sure, blind bool
		waited      bool
		until       time.Duration // after the cut
		want        float64       // of 100
	}{
		{"not at first", false, false, true, 15 * second, 100},
		{"then double in a minute", false, false, true, 75 * second, 200},
		{"slowly when sure", true, false, true, 75 * second, 100 * math.Exp(0.04)},
		{"fast when nothing is known", false, true, true, 5 * second, 200},
		{"not when nobody waits", false, false, false, 75 * second, 100},
	} {
		tr := trial{on: true, share: 1, rate: 100, sure: c.sure, blind: c.blind, cutAt: 10 * second, grownAt: 10 * second}
		for d := time.Duration(0); d <= c.until; d += second {
			tr.grow(10*second+d, c.waited)
		}
		if math.Abs(tr.rate-c.want) > 1e-6 {
			t.Errorf("%s: %v; want %v", c.name, tr.rate, c.want)
		}
		if c.want > 100 && math.Abs(tr.bucket.rate-c.want) > 1e-6 {
			t.Errorf("%s: the bucket has %v a second; want %v", c.name, tr.bucket.rate, c.want)
		}
	}
}

func TestTrialRefund(t *testing.T) {
	tr := trial{on: true, cutAt: 10 * second, used: 100, bucket: bucket{capacity: 50, rate: 1, level: -20, at: 12 * second}}
	tr.refund(12*second, 10*second, 5)
	if tr.used != 95 || tr.bucket.level != -20 {
		t.Errorf("refund of what left before the cut: used %v, level %v; want 95, -20", tr.used, tr.bucket.level)
	}
	tr.refund(12*second, 11*second, 5)
	if tr.used != 95 || tr.bucket.level != -15 {
		t.Errorf("refund of what left after it: used %v, level %v; want 95, -15", tr.used, tr.bucket.level)
	}
}
