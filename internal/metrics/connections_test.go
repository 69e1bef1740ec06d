package metrics

import (
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// TestConnections: new connections are counted over what was sent, and their
// making over the time to the first content; the warm-up is left out.
func TestConnections(t *testing.T) {
	sent := func(connect, tls time.Duration, first time.Duration, p call.Phase) call.Result {
		r := answered(0, 0, second, 2*second)
		r.NewConn, r.Connect, r.TLS, r.FirstContent, r.Phase = connect > 0, connect, tls, first, p
		return r
	}
	log := []call.Result{
		sent(100*milli, 200*milli, second, call.Main),
		sent(0, 0, 2*second, call.Main),
		sent(50*milli, 0, 0, call.Main), // no content: a connection, but no share of a ttft
		sent(900*milli, 0, second, call.WarmUp),
		never(1, 0, call.Dropped),
	}
	c := tableOf(log...).Summary(Meta{}).Connections
	if c.New != 2 || c.NewShare != Number(2.0/3) || c.HandshakeShare < 0.0999 || c.HandshakeShare > 0.1001 {
		t.Errorf("Connections = %+v; want 2 new, 2/3, 0.1", c)
	}
	if c := tableOf().Summary(Meta{}).Connections; c.New != 0 || c.NewShare.Known() || c.HandshakeShare.Known() {
		t.Errorf("Connections of nothing = %+v; want the shares withheld", c)
	}
}
