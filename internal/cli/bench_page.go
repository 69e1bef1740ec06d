package cli

import (
	"fmt"
	"io"
	"math"
	"runtime/metrics"
	"slices"
)

// write prints what the machine can do, a line for each part.
func (r benchResult) write(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "tokenload %s on %d cores, %s/%s, %s, clock %s\n\n", r.Tool, m.Cores, m.OS, m.Arch, m.Go, r.Parts[0].Clock)
	fmt.Fprintf(w, "%-8s %7s %9s %9s %9s %10s %10s %9s %9s %8s  %s\n",
		"profile", "streams", "req/s", "events/s", "events/", "cpu per", "memory per", "added", "added", "read_lag", "valid")
	fmt.Fprintf(w, "%-8s %7s %9s %9s %9s %10s %10s %9s %9s %8s\n",
		"", "", "", "", "CPU-s", "stream", "stream", "p50", "p99", "p99")
	for _, p := range r.Parts {
		valid := "yes"
		if !p.Valid {
			valid = "no"
		}
		fmt.Fprintf(w, "%-8s %7d %9.0f %9.0f %9.0f %10s %10s %9s %9s %8s  %s\n", p.Profile, p.Streams, p.RequestsPerS, p.EventsPerS, p.EventsPerCPUS,
			fmt.Sprintf("%.2f ‰", 1000*p.CPUPerStream), fmt.Sprintf("%.0f KiB", float64(p.MemoryPerStream)/(1<<10)),
			milliseconds(p.AddedP50), milliseconds(p.AddedP99), milliseconds(p.ReadLagP99), valid)
	}
	fmt.Fprint(w, `
Generator and simulator shared this machine, each in a process of its own; the simulator's work is not in these figures, but
it took its part of the processors. steady: each stream has 50 events a second; instant: no delay at all. cpu: thousandths of
a core. added: our service_ttft less the simulator's own time to the first content, so the way there and back, the kernel, and
the simulator's own waking up are in it. — is too few values. valid: whether a run of that size could be trusted; instant asks
for all there is, and is over the edge by design.
`)
	for _, p := range r.Parts {
		for _, reason := range p.Reasons {
			fmt.Fprintf(w, "  %s, %d streams: %s\n", p.Profile, p.Streams, reason)
		}
	}
}

func milliseconds(v *float64) string {
	if v == nil {
		return "—"
	}
	return fmt.Sprintf("%.2f ms", *v)
}

// known is a figure, or nothing where it is withheld.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// rank is a percentile by nearest rank, nothing of fewer values than least.
func rank(v []float64, q float64, least int) *float64 {
	if len(v) < least {
		return nil
	}
	slices.Sort(v)
	return &v[int(math.Ceil(q*float64(len(v))))-1]
}

// held is the memory this process has from the system, without what it gave back.
func held() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
