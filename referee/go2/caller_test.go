package referee_test

import (
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/tokenload/tokenload/referee/simulator"
)

// Nothing but the two variables of the documentation.
func TestEnvironment(t *testing.T) {
	s := simulator.Start(t, "--key", key)
	t.Setenv("ANTHROPIC_BASE_URL", s.URL)
	t.Setenv("ANTHROPIC_API_KEY", key)
	c := anthropic.NewClient()
	if _, err := c.Messages.New(t.Context(), ask(opus, "Hi")); err != nil {
		t.Fatal(err)
	}
	if r := s.Last(t, 1); r.Auth != defaultAuth || r.Version != defaultVersion {
		t.Errorf("key in %q, version %q; want %q, %q", r.Auth, r.Version, defaultAuth, defaultVersion)
	}
}

func TestAuth(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t, "--key", key)
	for i, tt := range []struct {
		opts []option.RequestOption
		auth string
	}{
		{[]option.RequestOption{option.WithAPIKey(key)}, defaultAuth},
		{[]option.RequestOption{option.WithAuthToken(key)}, "authorization"},
		{[]option.RequestOption{option.WithHeaderDel("authorization"), option.WithHeader("x-api-key", key)}, "x-api-key"},
	} {
		c := anthropic.NewClient(append(tt.opts, option.WithBaseURL(s.URL))...)
		if _, err := c.Messages.New(t.Context(), ask(haiku, "Hi"), tt.opts...); err != nil {
			t.Errorf("%s: %v", tt.auth, err)
		}
		if r := s.Last(t, i+1); r.Auth != tt.auth {
			t.Errorf("key in %q, want %q", r.Auth, tt.auth)
		}
	}
}

// Sampling fields left with 2026-10-21.
func TestVersions(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	warm := option.WithJSONSet("temperature", 0.5)
	version := func(v string) option.RequestOption { return option.WithHeader("anthropic-version", v) }
	if _, err := client(s).Messages.New(t.Context(), ask(haiku, "Hi"), warm, version("2023-06-01")); err != nil {
		t.Error(err)
	}
	_, err := client(s).Messages.New(t.Context(), ask(haiku, "Hi"), warm, version("2026-10-21"))
	apiError(t, err, 400, "invalid_request_error")
	_, err = client(s).Messages.New(t.Context(), ask(haiku, "Hi"), version("2022-01-01"))
	apiError(t, err, 400, "invalid_request_error")
	for i, want := range []string{"2023-06-01", "2026-10-21", ""} {
		if got := s.Truth(t, 3)[i].Version; got != want {
			t.Errorf("request %d: version %q, want %q", i, got, want)
		}
	}
}
