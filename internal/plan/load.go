package plan

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tokenload/tokenload/internal/pace"
)

const (
	mostUsers          = 100_000
	mostInFlight       = 100_000
	mostRequests       = 1_000_000_000
	mostCV             = 100
	defaultMaxInFlight = 1000
)

// shape is one of users and arrivals being read: both have stages or a short form.
type shape struct {
	stages             *yaml.Node
	count              int
	requests           int
	rate               float64
	duration           time.Duration
	think              *yaml.Node
	thinkMin, thinkMax time.Duration
	process            string
	cv                 float64
	maxInFlight        int
}

var loadFields = []field[[2]*yaml.Node]{
	nodeField("users", func(v *[2]*yaml.Node) **yaml.Node { return &v[0] }),
	nodeField("arrivals", func(v *[2]*yaml.Node) **yaml.Node { return &v[1] }),
}

var usersFields = []field[shape]{
	nodeField("stages", func(v *shape) **yaml.Node { return &v.stages }),
	wholeField("count", 1, mostUsers, func(v *shape) *int { return &v.count }),
	positiveField("duration", func(v *shape) *time.Duration { return &v.duration }),
	wholeField("requests", 1, mostRequests, func(v *shape) *int { return &v.requests }),
	nodeField("think_time", func(v *shape) **yaml.Node { return &v.think }),
}

var thinkFields = []field[shape]{
	durationField("min", func(v *shape) *time.Duration { return &v.thinkMin }),
	durationField("max", func(v *shape) *time.Duration { return &v.thinkMax }),
}

var arrivalsFields = []field[shape]{
	choiceField("process", processes(), func(v *shape) *string { return &v.process }),
	numberField("cv", 0.01, mostCV, func(v *shape) *float64 { return &v.cv }),
	nodeField("stages", func(v *shape) **yaml.Node { return &v.stages }),
	{"rate", func(d *decoder, n *yaml.Node, v *shape) {
		var ok bool
		if v.rate, ok = d.rate(n, "rate"); ok && v.rate == 0 {
			d.mistakef(n, "rate is 0: nothing would be sent")
		}
	}},
	positiveField("duration", func(v *shape) *time.Duration { return &v.duration }),
	wholeField("max_in_flight", 1, mostInFlight, func(v *shape) *int { return &v.maxInFlight }),
}

func processes() []string {
	var list []string
	for _, p := range pace.Processes() {
		list = append(list, string(p))
	}
	return list
}

var userStageFields = stageFields("target", func(d *decoder, n *yaml.Node, s *pace.Stage) {
	if text, ok := scalar(n); ok && rateForm.MatchString(text) {
		d.mistakef(n, "target is %s, but users are a number; a rate belongs to load.arrivals", text)
		return
	}
	users, _ := d.whole(n, "target", 0, mostUsers)
	s.Target = float64(users)
})

var arrivalStageFields = stageFields("target", func(d *decoder, n *yaml.Node, s *pace.Stage) {
	s.Target, _ = d.rate(n, "target")
})

func stageFields(target string, set func(d *decoder, n *yaml.Node, s *pace.Stage)) []field[pace.Stage] {
	return []field[pace.Stage]{
		{"name", func(d *decoder, n *yaml.Node, s *pace.Stage) { s.Name = d.label(n, "the name of a stage") }},
		durationField("duration", func(s *pace.Stage) *time.Duration { return &s.Duration }),
		{target, set},
	}
}

// load reads when requests are made. It returns false where a mistake leaves
// that open, so that nothing is concluded from it.
func (d *decoder) load(root object, n *yaml.Node) (Load, bool) {
	var v [2]*yaml.Node
	if n == nil && !root.lacks("load") {
		return Load{}, false
	}
	if n == nil {
		d.mistakef(root.key("load"), "no load: a plan needs load.users or load.arrivals")
		return Load{}, false
	}
	before := len(d.mistakes)
	o := decodeObject(d, n, "load", loadFields, &v)
	switch given := o.given("users", "arrivals"); {
	case !o.ok:
		return Load{}, false
	case o.lacks("users", "arrivals"):
		d.mistakef(n, "load needs one of users and arrivals, has none")
		return Load{}, false
	case len(given) == 0: // misspelt
		return Load{}, false
	case len(given) == 2:
		d.mistakef(o.key("arrivals"), "load has both users and arrivals: one of them")
		return Load{}, false
	}
	var l Load
	if v[0] != nil {
		l = d.users(v[0])
	} else {
		l = d.arrivals(v[1])
	}
	return l, len(d.mistakes) == before
}

func (d *decoder) users(n *yaml.Node) Load {
	var s shape
	o := decodeObject(d, n, "users", usersFields, &s)
	l := Load{Mode: Users, Requests: s.requests}
	if !o.ok {
		return l
	}
	l.ThinkMin, l.ThinkMax = d.think(s)
	switch {
	case o.has("stages"):
		l.Profile.Stages = d.stages(o, s.stages, userStageFields, "count", "duration", "requests")
	case o.lacks("count", "stages"):
		d.mistakef(n, "users needs stages, or the short form {count: 10, duration: 1m} or {count: 5, requests: 50}")
	case !o.has("count"): // misspelt
	case o.has("duration") && o.has("requests"):
		d.mistakef(o.key("requests"), "users has both duration and requests: one of them ends the load")
	case o.has("duration"):
		l.Profile.Stages = steady(float64(s.count), s.duration)
	case o.has("requests"):
		l.Profile.Stages = []pace.Stage{{Target: float64(s.count)}}
	case o.lacks("duration", "requests"):
		d.mistakef(n, "users needs a duration or a number of requests beside count, such as {count: %d, duration: 1m}", max(s.count, 1))
	}
	for _, stage := range l.Profile.Stages {
		l.Users = max(l.Users, int(stage.Target))
	}
	l.End = l.Profile.Duration()
	return l
}

func (d *decoder) arrivals(n *yaml.Node) Load {
	s := shape{maxInFlight: defaultMaxInFlight, cv: 1}
	o := decodeObject(d, n, "arrivals", arrivalsFields, &s)
	if !o.has("process") {
		s.process = string(pace.Constant)
	}
	l := Load{Mode: Arrivals, MaxInFlight: s.maxInFlight, Profile: pace.Profile{Process: pace.Process(s.process)}}
	if !o.ok {
		return l
	}
	if l.Profile.Process == pace.Gamma {
		l.Profile.CV = s.cv
	} else if o.has("cv") && s.process != "" {
		d.mistakef(o.key("cv"), "cv is for process gamma only, and this one is %s", s.process)
	}
	switch {
	case o.has("stages"):
		l.Profile.Stages = d.stages(o, s.stages, arrivalStageFields, "rate", "duration")
	case o.lacks("stages", "rate") || o.lacks("stages", "duration"):
		d.mistakef(n, "arrivals needs stages, or the short form {rate: 5/s, duration: 1m}")
	case o.has("rate") && o.has("duration"):
		l.Profile.Stages = steady(s.rate, s.duration)
	}
	l.End = l.Profile.Duration()
	return l
}

// steady is the profile of a short form: at the target from the start on.
func steady(target float64, length time.Duration) []pace.Stage {
	return []pace.Stage{{Target: target}, {Target: target, Duration: length}}
}

// stages reads a list of stages. Those without a name are called stage-1,
// stage-2 and so on by their place.
func (d *decoder) stages(o object, n *yaml.Node, fields []field[pace.Stage], short ...string) []pace.Stage {
	for _, name := range o.given(short...) {
		d.mistakef(o.key(name), "%s is the short form's: with stages, leave it out", name)
	}
	before := len(d.mistakes)
	var list []pace.Stage
	lines := map[string]int{}
	for i, item := range d.list(n, "stages", "stages") {
		s := pace.Stage{}
		so := decodeObject(d, item, "stage", fields, &s)
		for _, name := range []string{"duration", "target"} {
			if so.lacks(name) {
				d.mistakef(item, "stage %d has no %s", i+1, name)
			}
		}
		if line, twice := lines[s.Name]; twice && s.Name != "" {
			d.mistakef(so.values["name"], "stage %q is there twice (first on line %d)", s.Name, line)
		} else if s.Name != "" {
			lines[s.Name] = so.values["name"].Line
		} else {
			s.Name = fmt.Sprintf("stage-%d", i+1)
		}
		list = append(list, s)
	}
	if len(d.mistakes) == before {
		d.someLoad(n, list)
	}
	return list
}

// someLoad checks that stages have a length and a load.
func (d *decoder) someLoad(n *yaml.Node, list []pace.Stage) {
	profile := pace.Profile{Stages: list}
	length := profile.Duration()
	switch {
	case len(list) == 0:
		d.mistakef(n, "stages is an empty list")
	case length == 0:
		d.mistakef(n, "the stages are 0s long together: nothing would be sent")
	case length > longest:
		d.mistakef(n, "the stages are %s long together, want at most %dh", length, int(longest.Hours()))
	case profile.Expected(length) == 0:
		d.mistakef(n, "the targets are 0 all the time: nothing would be sent")
	}
}

// think reads the bounds of a user's pause, or one for both.
func (d *decoder) think(s shape) (least, most time.Duration) {
	switch {
	case s.think == nil:
	case s.think.Kind == yaml.ScalarNode:
		v, _ := d.duration(s.think, "think_time")
		return v, v
	default:
		o := decodeObject(d, s.think, "think_time", thinkFields, &s)
		if given := o.given("min", "max"); o.lacks("min") || o.lacks("max") {
			d.mistakef(s.think, "think_time needs min and max, has %s", count(given))
		} else if o.ok && s.thinkMin > s.thinkMax {
			d.mistakef(o.values["max"], "max is %s, less than min, which is %s", s.thinkMax, s.thinkMin)
		}
		return s.thinkMin, s.thinkMax
	}
	return 0, 0
}
