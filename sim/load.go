package sim

import (
	"sync"
	"time"
)

// The load models of [Load.Model].
const (
	LoadFlat   = "flat"
	LoadLinear = "linear"
	LoadStep   = "step"
	LoadQueue  = "queue"
)

// Load says how the requests in flight slow each other. The hosted API is so
// large that one customer's load is not felt until a limit refuses it: flat is
// the default. The others are assumptions of their own, each with a known
// answer for what looks for knees, queues and saturation:
//
//	flat    nothing
//	linear  every delay × 1 + (Factor−1)(n−1)/(Slots−1) with n requests in
//	        service; more than Slots wait in order
//	step    a scheduler of fixed steps, as of an inference server: each step, up
//	        to Slots answers gain one token, and Chunks pieces of Chunk prompt
//	        tokens are read, first come first served. It takes the place of the
//	        profile's prompt slopes and speed; floor and spread of TTFT remain.
//	        The knee is at Slots streams, the ceiling Slots/Step tokens a second
//	queue   Slots servers, each busy with one request from its start to its last
//	        token; the others wait in order
type Load struct {
	Model string `yaml:"model"` // one of the four; "" is flat
	// Slots is how many requests are worked on at once. 0 is 64.
	Slots int `yaml:"slots"`
	// Factor is what linear multiplies delays with when every slot is taken. 0 is 2.
	Factor float64 `yaml:"factor" least:"1"`
	// Step is the time of one step. 0 is 5 ms.
	Step time.Duration `yaml:"step"`
	// Chunk is how many prompt tokens are read at a time. 0 is 512.
	Chunk int `yaml:"chunk"`
	// Chunks is how many of those one step reads, over all requests. 0 is 1.
	Chunks int `yaml:"chunks"`
	// Collapse is the share of Slots that is left when far too many wait: with q
	// waiting, a share min(1−Collapse, (q/Slots − 1.5)/2) of them is lost to
	// the overload itself. 0 is no collapse.
	Collapse float64 `yaml:"collapse" most:"1"`
}

func (l Load) withDefaults() Load {
	if l.Model == "" {
		l.Model = LoadFlat
	}
	if l.Slots == 0 {
		l.Slots = 64
	}
	if l.Factor == 0 {
		l.Factor = 2
	}
	if l.Step == 0 {
		l.Step = 5 * time.Millisecond
	}
	if l.Chunk == 0 {
		l.Chunk = 512
	}
	if l.Chunks == 0 {
		l.Chunks = 1
	}
	if l.Collapse == 0 {
		l.Collapse = 1
	}
	return l
}

func loadModels() []string { return []string{LoadFlat, LoadLinear, LoadStep, LoadQueue} }

// service is the capacity behind the API. All methods may be called from any
// goroutine.
type service struct {
	load  Load
	slots chan struct{} // a place each; nil is no bound
	steps *scheduler    // step only
}

func newService(l Load) *service {
	v := &service{load: l}
	switch l.Model {
	case LoadLinear, LoadQueue:
		v.slots = make(chan struct{}, l.Slots)
	case LoadStep:
		v.steps = &scheduler{load: l}
	}
	return v
}

// factor is what delays are multiplied with at this moment.
func (v *service) factor() float64 {
	n := len(v.slots)
	if v.load.Model != LoadLinear || n < 2 || v.load.Slots < 2 {
		return 1
	}
	return 1 + (v.load.Factor-1)*float64(n-1)/float64(v.load.Slots-1)
}

// enter waits for a place; false is that gone was closed first.
func (v *service) enter(gone <-chan struct{}) bool {
	if v.slots == nil {
		return true
	}
	select {
	case v.slots <- struct{}{}:
		return true
	case <-gone:
		return false
	}
}

func (v *service) leave() {
	if v.slots != nil {
		<-v.slots
	}
}

// wait returns once no step is being made; for when no request is open any more.
func (v *service) wait() {
	if v.steps != nil {
		v.steps.running.Wait()
	}
}

// scheduler is the scheduler of the step model. It runs while it has jobs.
type scheduler struct {
	load Load

	mu      sync.Mutex
	jobs    []*job // in order of arrival
	waiting int    // of them, those the last step left out
	busy    bool   // a goroutine is stepping
	running sync.WaitGroup
}

// job is one answer being made: first its prompt is read, then it gains a token
// in each step it takes part in.
type job struct {
	prompt int           // tokens still to read
	left   int           // tokens still to generate
	made   int           // tokens generated
	want   int           // how many its owner waits for; -1 is none
	wake   chan struct{} // gets a value when they are there
}

// join adds a job, and starts the steps if none are being made.
func (b *scheduler) join(prompt, output int) *job {
	j := &job{prompt: prompt, left: output, want: -1, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs = append(b.jobs, j)
	if !b.busy {
		b.busy = true
		b.running.Go(b.run)
	}
	return j
}

// leave takes a job out, finished or not.
func (b *scheduler) leave(j *job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j.prompt, j.left, j.want = 0, 0, -1 // the next step drops it
}

// ready says whether n tokens of a job are there; if not, its wake will get a
// value when they are. No tokens are there once the prompt has been read.
func (b *scheduler) ready(j *job, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if j.prompt == 0 && j.made >= n {
		return true
	}
	j.want = n
	return false
}

// run makes steps at absolute moments until there is nothing to do.
func (b *scheduler) run() {
	for due := time.Now().Add(b.load.Step); ; due = due.Add(b.load.Step) {
		time.Sleep(time.Until(due))
		if !b.step() {
			return
		}
	}
}

// step makes one step; false is that no job is left.
func (b *scheduler) step() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	places, chunks := b.places(), b.load.Chunks
	kept := b.jobs[:0]
	b.waiting = 0
	for _, j := range b.jobs {
		switch {
		case j.prompt > 0 && chunks > 0:
			n := min(chunks, (j.prompt+b.load.Chunk-1)/b.load.Chunk)
			chunks -= n
			j.prompt = max(0, j.prompt-n*b.load.Chunk)
		case j.prompt == 0 && j.left > 0 && places > 0:
			places--
			j.made++
			j.left--
		case j.prompt > 0 || j.left > 0:
			b.waiting++
		}
		if j.want >= 0 && j.prompt == 0 && j.made >= j.want {
			j.want = -1
			j.wake <- struct{}{}
		}
		if j.prompt > 0 || j.left > 0 {
			kept = append(kept, j)
		}
	}
	clear(b.jobs[len(kept):])
	b.jobs = kept
	b.busy = len(kept) > 0
	return b.busy
}

// places is how many answers the next step can extend.
func (b *scheduler) places() int {
	queue := float64(b.waiting) / float64(b.load.Slots)
	lost := min(1-b.load.Collapse, max(0, queue-1.5)/2)
	return max(1, int(float64(b.load.Slots)*(1-lost)))
}
