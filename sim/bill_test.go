package sim

import "testing"

func TestBill(t *testing.T) {
	models := newCatalogue("")
	tests := []struct {
		model, speed, geo string
		use               usage
		want              Pico
	}{
		{"claude-haiku-4-5", "", "", usage{input: 1}, 1_000_000},
		{"claude-haiku-4-5", "", "", usage{output: 1}, 5_000_000},
		{"claude-haiku-4-5", "", "", usage{input: 100, write5m: 100, write1h: 100, read: 100, output: 100}, 100_000_000 + 125_000_000 + 200_000_000 + 10_000_000 + 500_000_000},
		{"claude-haiku-4-5", "", "us", usage{input: 1}, 1_100_000},
		{"claude-haiku-5-5", "", "", usage{read: 1}, 10_000},
		{"claude-haiku-5-5", "", "", usage{input: 60_000, read: 30_000, write5m: 10_000, output: 10}, 60_000*100_000 + 30_000*10_000 + 10_000*125_000 + 10*500_000},
		{"claude-haiku-5-5", "", "", usage{input: 60_001, read: 30_000, write5m: 10_000, output: 10}, 60_001*500_000 + 30_000*50_000 + 10_000*625_000 + 10*2_500_000},
		{"claude-sonnet-4-6", "fast", "", usage{input: 1, output: 1}, 18_000_000}, // has no fast mode
		{"claude-opus-5", "fast", "us", usage{input: 1, output: 1}, 66_000_000},
		{"claude-opus-5-5", "", "", usage{read: 1000}, 200_000_000},
		{"claude-sonnet-5-5", "", "", usage{read: 1000}, 100_000_000},
		{"claude-sonnet-5", "", "", usage{read: 1000}, 200_000_000},
		{"claude-fable-5-2", "", "", usage{read: 1000, output: 1}, 240_000_000},
		{"claude-fable-5-1", "", "", usage{read: 1000}, 250_000_000},
		{"claude-mythos-5", "", "", usage{read: 1000, output: 1}, 1_050_000_000},
	}
	for _, tt := range tests {
		req := &request{model: models.find(tt.model), speed: tt.speed, geo: tt.geo}
		if got := bill(req, tt.use); got != tt.want {
			t.Errorf("bill(%s %s %s %+v) = %v; want %v", tt.model, tt.speed, tt.geo, tt.use, got, tt.want)
		}
	}
}
