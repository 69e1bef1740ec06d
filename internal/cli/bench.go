package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/run"
	"github.com/tokenload/tokenload/internal/store"
)

type benchCommand struct {
	Duration time.Duration `help:"How long, in all." default:"24s" placeholder:"TIME"`
	Streams  []int         `help:"Streams at once, one part each." default:"100,500,1000" placeholder:"N"`
	JSON     bool          `name:"json" help:"Print JSON."`
}

// What the simulator's steady profile makes of an answer: see sim.Config.
const (
	eventsPerSecond = 50
	tokensPerEvent  = 4
)

// benchPart is what one part of a bench came to. Memory is what the process took
// more than before it.
type benchPart struct {
	Profile         string   `json:"profile"`
	Streams         int      `json:"streams"` // at once
	Requests        int      `json:"requests"`
	RequestsPerS    float64  `json:"requests_per_s"`
	EventsPerS      float64  `json:"events_per_s"`
	EventsPerCPUS   float64  `json:"events_per_cpu_s"`
	CPUPerStream    float64  `json:"cpu_per_stream"` // cores
	MemoryPerStream int64    `json:"memory_per_stream_bytes"`
	AddedP50        *float64 `json:"added_p50_ms"` // our service_ttft less the simulator's own
	AddedP99        *float64 `json:"added_p99_ms"`
	LagP99          *float64 `json:"lag_p99_ms"`
	ReadLagP99      *float64 `json:"read_lag_p99_ms"`
	Clock           string   `json:"clock"`
	Valid           bool     `json:"valid"`
	Reasons         []string `json:"reasons"`
}

// benchResult is the whole of it.
type benchResult struct {
	Version int           `json:"version"`
	Tool    string        `json:"tool_version"`
	Machine store.Machine `json:"machine"`
	Parts   []benchPart   `json:"parts"`
}

// Run carries out the command.
func (c *benchCommand) Run(e *env) error {
	if c.Duration < 2*time.Second || c.Duration > time.Minute {
		return usageError{errors.New("--duration must be from 2s to 1m")}
	}
	if i := slices.IndexFunc(c.Streams, func(n int) bool { return n < 1 || n > 20_000 }); i >= 0 || len(c.Streams) == 0 {
		return usageError{errors.New("--streams must be from 1 to 20000")}
	}
	dir, err := os.MkdirTemp("", "tokenload-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	stop, ctx, done := e.interrupts("stopping")
	defer done()
	b := bench{env: e, dir: dir, part: c.Duration / time.Duration(len(c.Streams)+1)}
	b.config = run.Config{Stop: stop, ToolVersion: Version}
	out := benchResult{Version: 1, Tool: Version}
	for i, n := range append([]int{64}, c.Streams...) {
		p, m, err := b.measure(i == 0, n)
		if err != nil {
			return err
		}
		out.Parts, out.Machine = append(out.Parts, p), m
		select {
		case <-stop:
			return errors.New("interrupted")
		case <-ctx.Done():
			return errors.New("interrupted")
		default:
		}
	}
	if c.JSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	out.write(e.stdout)
	return nil
}

// bench measures part after part. Each has a simulator of its own, in a process
// of its own: it would share our processors anyway, but not our scheduler.
type bench struct {
	*env
	dir    string
	part   time.Duration
	config run.Config
}

// measure runs one part: streams that follow each other without delay, or that
// last a quarter of the part at a steady pace.
func (b *bench) measure(instant bool, streams int) (benchPart, store.Machine, error) {
	profile, tokens := "instant", 16
	if !instant {
		profile, tokens = "steady", max(int(b.part.Seconds()/4*eventsPerSecond), 8)*tokensPerEvent
	}
	url, end, err := b.simulator(profile)
	if err != nil {
		return benchPart{}, store.Machine{}, err
	}
	defer end()
	src := fmt.Sprintf(`version: 1
name: bench
tasks: [{name: count, model: claude-haiku-4-5, max_tokens: %d, prompts: [count]}]
load: {users: {stages: [{duration: %v, target: %d}, {duration: %v, target: %d}]}}
graceful_stop: 10s
budget: {usd: 1000000}
`, tokens, b.part/4, streams, b.part/2, streams)
	p, err := plan.Parse("bench", []byte(src), plan.Options{Set: []string{"seed=1"}})
	if err != nil {
		return benchPart{}, store.Machine{}, err
	}
	c := b.config
	c.Plan, c.ID, c.Target = p, "bench", "sim"
	c.Dir = filepath.Join(b.dir, fmt.Sprintf("%s-%d", profile, streams))
	c.Client = client.Config{BaseURL: url, Key: "simulated", UserAgent: "tokenload/" + Version}
	before := held()
	if err := run.Execute(b.ctx, c); err != nil {
		return benchPart{}, store.Machine{}, err
	}
	return b.read(c.Dir, url, benchPart{Profile: profile, Streams: streams}, before)
}

// read adds up what a part left behind.
func (b *bench) read(dir, url string, part benchPart, before int64) (benchPart, store.Machine, error) {
	stored, err := store.Open(dir)
	if err != nil {
		return part, store.Machine{}, err
	}
	rep, err := report.Build(stored)
	if err != nil {
		return part, store.Machine{}, err
	}
	truth, err := firstContents(url)
	if err != nil {
		return part, store.Machine{}, err
	}
	g, m := rep.Generator, stored.Manifest
	events, added := 0, []float64{}
	for r, err := range rep.Attempts {
		if err != nil {
			return part, store.Machine{}, err
		}
		events += r.Events
		if own, ok := truth[r.RequestID]; ok && r.Class == call.OK && r.FirstContent > 0 {
			added = append(added, (r.ServiceTTFT()-own).Seconds()*1000)
		}
	}
	if rep.Requests.OK == 0 {
		return part, m.Machine, errors.New("bench: not one request ended ok")
	}
	seconds := rep.Run.DurationS
	cpu := float64(g.CPU) * float64(m.Machine.Cores)
	part.Requests, part.RequestsPerS, part.EventsPerS = rep.Requests.OK, float64(rep.Requests.OK)/seconds, float64(events)/seconds
	if cpu > 0 {
		part.EventsPerCPUS, part.CPUPerStream = part.EventsPerS/cpu, cpu/float64(part.Streams)
	}
	part.MemoryPerStream = max(g.PeakMemory-before, 0) / int64(part.Streams)
	part.AddedP50, part.AddedP99 = rank(added, 0.5, 6), rank(added, 0.99, 368)
	part.LagP99, part.ReadLagP99 = known(float64(g.LagP99)), known(float64(g.ReadLagP99))
	part.Clock, part.Valid, part.Reasons = g.Clock, g.Valid, g.Reasons
	return part, m.Machine, nil
}

// simulator starts this very program as the simulator. It ends with us, even if
// we are killed: its standard input is a pipe whose other end the kernel closes then.
func (b *bench) simulator(profile string) (url string, end func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, fmt.Errorf("find this program: %w", err)
	}
	sim := exec.Command(self)
	sim.Args = []string{"tokenload", "sim", "--addr", "127.0.0.1:0", "--profile", profile, "--answer", "1", "--until-eof"}
	if _, err := sim.StdinPipe(); err != nil { // open until it is waited for
		return "", nil, err
	}
	stderr, err := sim.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := sim.Start(); err != nil {
		return "", nil, fmt.Errorf("start the simulator: %w", err)
	}
	end = func() {
		sim.Process.Kill() //nolint:errcheck // it may have ended
		sim.Wait()         //nolint:errcheck // killed
	}
	var said bytes.Buffer
	in := bufio.NewScanner(io.TeeReader(stderr, &said))
	for in.Scan() {
		if _, url, ok := strings.Cut(in.Text(), "ready on "); ok {
			go io.Copy(io.Discard, stderr) //nolint:errcheck // ends with the process
			return url, end, nil
		}
	}
	end()
	return "", nil, fmt.Errorf("the simulator did not start: %s", strings.TrimSpace(said.String()))
}

// firstContents asks the simulator how long each request took it to its first content.
func firstContents(url string) (map[string]time.Duration, error) {
	resp, err := http.Get(url + "/sim/truth")
	if err != nil {
		return nil, fmt.Errorf("ask the simulator: %w", err)
	}
	defer resp.Body.Close()
	all := map[string]time.Duration{}
	for dec := json.NewDecoder(resp.Body); ; {
		var r struct {
			ID    string  `json:"request_id"`
			First float64 `json:"first_content_ms"`
		}
		if err := dec.Decode(&r); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("ask the simulator: %w", err)
		}
		if r.ID != "" && r.First > 0 {
			all[r.ID] = time.Duration(r.First * 1e6)
		}
	}
}
