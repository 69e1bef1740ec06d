package referee_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/tokenload/tokenload/referee/simulator"
)

// apiError checks that an error is the SDK's own, with status, type and request id.
func apiError(t *testing.T, err error, status int, kind anthropic.ErrorType) *anthropic.Error {
	t.Helper()
	var api *anthropic.Error
	if !errors.As(err, &api) {
		t.Fatalf("error %v, want an *anthropic.Error", err)
	}
	if api.StatusCode != status || api.Type() != kind || !strings.HasPrefix(api.RequestID, "req_01") {
		t.Errorf("status %d, type %q, request id %q; want %d, %q and an id: %s", api.StatusCode, api.Type(), api.RequestID, status, kind, api.RawJSON())
	}
	if !strings.HasPrefix(api.WorkspaceID, "wrkspc_01") {
		t.Errorf("workspace id %q", api.WorkspaceID)
	}
	return api
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t, "--key", key)
	tooLarge := anthropic.ErrorType("request_too_large") // which the SDK has no constant for
	for _, tt := range []struct {
		name   string
		model  anthropic.Model
		opts   []option.RequestOption
		status int
		kind   anthropic.ErrorType
	}{
		{"unknown field", haiku, []option.RequestOption{option.WithJSONSet("max_tokns", 3)}, 400, "invalid_request_error"},
		{"wrong key", haiku, []option.RequestOption{option.WithAPIKey("sk-ant-other")}, 401, "authentication_error"},
		{"not billable", haiku, []option.RequestOption{fault("status=402")}, 402, "billing_error"},
		{"not permitted", haiku, []option.RequestOption{fault("status=403")}, 403, "permission_error"},
		{"unknown model", "claude-none", nil, 404, "not_found_error"},
		{"over 32 MB", haiku, []option.RequestOption{option.WithJSONSet("system", strings.Repeat("x", 33<<20))}, 413, tooLarge},
		{"rate limited", haiku, []option.RequestOption{fault("status=429")}, 429, "rate_limit_error"},
		{"server error", haiku, []option.RequestOption{fault("status=500")}, 500, "api_error"},
		{"timed out", haiku, []option.RequestOption{fault("status=504")}, 504, "timeout_error"},
		{"overloaded", haiku, []option.RequestOption{fault("status=529")}, 529, "overloaded_error"},
	} {
		c := client(s, option.WithMaxRetries(0))
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.Messages.New(t.Context(), ask(tt.model, "Hi"), tt.opts...)
			apiError(t, err, tt.status, tt.kind)
		})
		t.Run(tt.name+", streamed", func(t *testing.T) {
			_, err := receive(t, c, ask(tt.model, "Hi"), tt.opts...)
			apiError(t, err, tt.status, tt.kind)
		})
	}
}

// Inside a stream the status has been sent: the SDK reports the event.
func TestErrorEvent(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	got, err := receive(t, client(s), ask(haiku, "Hi"), fault("error=5"))
	apiError(t, err, 200, "overloaded_error")
	if got.text == "" {
		t.Error("no text before the error")
	}
	s.Truth(t, 1) // and does not retry
}

// A connection that is cut is no answer of the API, so it is no *anthropic.Error.
func TestCut(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	c := client(s, option.WithMaxRetries(0))
	for _, text := range []string{"close", "cut=5", "cut=5; rst"} {
		_, plain := c.Messages.New(t.Context(), ask(haiku, "Hi"), fault(text))
		_, stream := receive(t, c, ask(haiku, "Hi"), fault(text))
		for _, err := range []error{plain, stream} {
			var api *anthropic.Error
			var network net.Error
			if errors.As(err, &api) || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &network) {
				t.Errorf("%s: error %v, want one of the connection", text, err)
			}
		}
	}
}
