package pace

import (
	"iter"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const s = time.Second

// trapezoid rises to 10, stays, jumps to 4, pauses at 0 and comes back.
func trapezoid() Profile {
	return Profile{Stages: []Stage{
		{Name: "rise", Duration: 10 * s, Target: 10},
		{Name: "stay", Duration: 5 * s, Target: 10},
		{Name: "jump", Target: 4},
		{Name: "low", Duration: 5 * s, Target: 4},
		{Name: "off", Target: 0},
		{Name: "pause", Duration: 10 * s, Target: 0},
		{Name: "back", Duration: 10 * s, Target: 5},
	}}
}

func TestTargetUsersAndStage(t *testing.T) {
	tests := []struct {
		at     time.Duration
		target float64
		users  int
		stage  string
	}{
		{-s, 0, 0, "rise"},
		{0, 0, 0, "rise"},
		{s/2 - 1, 0.499999999, 0, "rise"},
		{s / 2, 0.5, 1, "rise"},
		{2500 * time.Millisecond, 2.5, 3, "rise"},
		{10 * s, 10, 10, "stay"},
		{15*s - 1, 10, 10, "stay"},
		{15 * s, 4, 4, "low"},
		{20 * s, 0, 0, "pause"},
		{30 * s, 0, 0, "back"},
		{39 * s, 4.5, 5, "back"},
		{40*s - 1, 4.9999999995, 5, "back"},
		{40 * s, 0, 0, "back"},
		{time.Hour, 0, 0, "back"},
	}
	p := trapezoid()
	if d := p.Duration(); d != 40*s {
		t.Errorf("Duration() = %v; want 40s", d)
	}
	for _, test := range tests {
		if got := p.Target(test.at); math.Abs(got-test.target) > 1e-12 {
			t.Errorf("Target(%v) = %v; want %v", test.at, got, test.target)
		}
		if got := p.Users(test.at); got != test.users {
			t.Errorf("Users(%v) = %v; want %v", test.at, got, test.users)
		}
		if got := p.Stages[p.StageAt(test.at)].Name; got != test.stage {
			t.Errorf("StageAt(%v) = %v; want %v", test.at, got, test.stage)
		}
	}
}

func TestStageAtEdges(t *testing.T) {
	jumpLast := Profile{Stages: []Stage{{Duration: s, Target: 1}, {Target: 5}}}
	jumpOnly := Profile{Stages: []Stage{{Target: 5}}}
	tests := []struct {
		name string
		p    Profile
		at   time.Duration
		want int
	}{
		{"no stages", Profile{}, 0, -1},
		{"no stages, late", Profile{}, s, -1},
		{"before a last jump", jumpLast, s - 1, 0},
		{"at a last jump", jumpLast, s, 1},
		{"only a jump", jumpOnly, 0, 0},
	}
	for _, test := range tests {
		if got := test.p.StageAt(test.at); got != test.want {
			t.Errorf("%s: StageAt(%v) = %d; want %d", test.name, test.at, got, test.want)
		}
	}
}

type change struct {
	At time.Duration
	N  int
}

func changes(seq iter.Seq2[time.Duration, int]) []change {
	var out []change
	for at, n := range seq {
		out = append(out, change{at, n})
	}
	return out
}

func TestChanges(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name   string
		stages []Stage
		want   []change
	}{
		{"none", nil, []change{{0, 0}}},
		{"a jump without length", []Stage{{Target: 3}}, []change{{0, 0}}},
		{"steady", []Stage{{Target: 3}, {Duration: s, Target: 3}}, []change{{0, 3}, {s, 0}}},
		{"up", []Stage{{Duration: 4 * s, Target: 2}}, []change{{s, 1}, {3 * s, 2}, {4 * s, 0}}},
		// Halves round up, so on the way down a user leaves just after the half.
		{"down", []Stage{{Target: 2}, {Duration: 4 * s, Target: 0}}, []change{{0, 2}, {s + 1, 1}, {3*s + 1, 0}, {4 * s, 0}}},
		{"two jumps in one instant", []Stage{{Target: 9}, {Target: 2}, {Duration: s, Target: 2}}, []change{{0, 2}, {s, 0}}},
		{"a jump and the same again", []Stage{{Target: 2}, {Duration: s, Target: 2}, {Target: 7}, {Target: 2}, {Duration: s, Target: 2}}, []change{{0, 2}, {2 * s, 0}}},
		{"faster than a nanosecond", []Stage{{Duration: 2, Target: 10}}, []change{{1, 5}, {2, 0}}},
		{"negative and not a number", []Stage{{Duration: s, Target: -5}, {Duration: -s, Target: 5}, {Duration: s, Target: math.NaN()}},
			[]change{{s, 5}, {s + 100*ms + 1, 4}, {s + 300*ms + 1, 3}, {s + 500*ms + 1, 2}, {s + 700*ms + 1, 1}, {s + 900*ms + 1, 0}, {2 * s, 0}}},
	}
	for _, test := range tests {
		got := changes(Profile{Stages: test.stages}.Changes())
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s: Changes() (-want +got):\n%s", test.name, d)
		}
	}
}

func TestChangesStopsWhenAsked(t *testing.T) {
	n := 0
	for range trapezoid().Changes() {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("got %d changes; want 3", n)
	}
}

func TestFixed(t *testing.T) {
	if d := cmp.Diff([]change{{0, 7}}, changes(Fixed(7))); d != "" {
		t.Errorf("Fixed(7) (-want +got):\n%s", d)
	}
}

// Changes and Users are two views of one function: at every change Users has
// the new number, a nanosecond before it has the old one, and in between it
// does not change.
func TestChangesAgreeWithUsers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProfile(t)
		users, last := 0, time.Duration(-1)
		all := changes(p.Changes())
		for i, c := range all {
			if c.At < last || c.At == last && i < len(all)-1 {
				t.Fatalf("change %d at %v after one at %v", i, c.At, last)
			}
			if got := p.Users(c.At - 1); c.At > 0 && got != users {
				t.Fatalf("Users(%v - 1ns) = %d; want %d as before the change", c.At, got, users)
			}
			if c.At > last+1 {
				mid := last + 1 + time.Duration(rapid.Int64Range(0, int64(c.At-last-2)).Draw(t, "mid"))
				if got := p.Users(mid); mid >= 0 && got != users {
					t.Fatalf("Users(%v) = %d; want %d", mid, got, users)
				}
			}
			if got := p.Users(c.At); got != c.N {
				t.Fatalf("Users(%v) = %d; Changes says %d", c.At, got, c.N)
			}
			if c.N == users && i < len(all)-1 {
				t.Fatalf("change %d at %v changes nothing", i, c.At)
			}
			users, last = c.N, c.At
		}
		if end := all[len(all)-1]; end != (change{p.Duration(), 0}) {
			t.Fatalf("last change %v; want (%v, 0)", end, p.Duration())
		}
	})
}

func drawProfile(t *rapid.T) Profile {
	stage := rapid.Custom(func(t *rapid.T) Stage {
		d := time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(t, "duration"))
		if rapid.IntRange(0, 3).Draw(t, "jump") == 0 {
			d = 0
		}
		return Stage{Duration: d, Target: float64(rapid.IntRange(0, 400).Draw(t, "target")) / 8}
	})
	return Profile{Stages: rapid.SliceOfN(stage, 0, 6).Draw(t, "stages")}
}
