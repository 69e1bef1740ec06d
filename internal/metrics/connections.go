package metrics

import (
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// connections sums up how the attempts of phase main came by theirs.
type connections struct {
	sent, made      int
	handshake, ttft time.Duration // of the attempts whose content came
}

func (c *connections) see(r *call.Result) {
	if r.Sent == 0 {
		return
	}
	c.sent++
	if r.NewConn {
		c.made++
	}
	if r.FirstContent > 0 {
		c.handshake += r.Connect + r.TLS
		c.ttft += r.TTFT()
	}
}

func (c *connections) summary() Connections {
	return Connections{
		New:            c.made,
		NewShare:       Number(float64(c.made) / float64(c.sent)), // NaN, withheld, of none
		HandshakeShare: Number(c.handshake.Seconds() / c.ttft.Seconds()),
	}
}
