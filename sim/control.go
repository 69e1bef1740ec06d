package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"time"
)

// maxConfig is the longest configuration that is taken over HTTP, bytes.
const maxConfig = 1 << 20

// serveSim answers what is about the simulator itself. It asks for no key: it
// tells nobody's prompt, answer or key, and listens on loopback unless told
// otherwise. Web pages of other origins are turned away.
func (s *Server) serveSim(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Request-Id", s.id("req_"))
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case http.NewCrossOriginProtection().Check(r) != nil:
		refuseSim(w, http.StatusForbidden, "permission_error", "a web page of another origin may not", nil)
	case r.URL.Path == "/sim/truth" && read:
		s.serveTruth(w, r)
	case r.URL.Path == "/sim/config" && read:
		s.tellConfig(w)
	case r.URL.Path == "/sim/config" && r.Method == http.MethodPost:
		s.changeConfig(w, r)
	case r.URL.Path == "/sim/truth", r.URL.Path == "/sim/config":
		w.Header().Set("Allow", map[string]string{"/sim/truth": "GET", "/sim/config": "GET, POST"}[r.URL.Path])
		refuseSim(w, http.StatusMethodNotAllowed, "invalid_request_error", "Method Not Allowed", nil)
	default:
		refuseSim(w, http.StatusNotFound, "not_found_error", "Not found", nil)
	}
}

// refuseSim answers an error of the API's shape, with the mistakes there are.
func refuseSim(w http.ResponseWriter, status int, kind, message string, ms Mistakes) {
	answerSim(w, status, map[string]any{
		"type": "error", "error": map[string]string{"type": kind, "message": message},
		"mistakes": ms, "request_id": w.Header().Get("Request-Id"),
	})
}

func answerSim(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // a client that has left does not want it
}

// tellConfig answers with what is in force, defaults filled in, keys left out.
func (s *Server) tellConfig(w http.ResponseWriter) {
	answerSim(w, http.StatusOK, plain(reflect.ValueOf(s.set().config)))
}

// changeConfig takes a configuration of which every field replaces what is in
// force, or none if there is a mistake.
func (s *Server) changeConfig(w http.ResponseWriter, r *http.Request) {
	src, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxConfig))
	if err != nil {
		refuseSim(w, http.StatusRequestEntityTooLarge, "request_too_large", fmt.Sprintf("want at most %d bytes", maxConfig), nil)
		return
	}
	if ms := s.reconfigure(src); len(ms) > 0 {
		message := "nothing was changed: " + ms[0].Text
		if len(ms) > 1 {
			message += fmt.Sprintf(", and %d more", len(ms)-1)
		}
		refuseSim(w, http.StatusBadRequest, "invalid_request_error", message, ms)
		return
	}
	s.tellConfig(w)
}

// fixed are the fields that only a start can set: connections, generators and
// records depend on them.
func fixed() []string {
	return []string{"addr", "tls", "cert_out", "max_concurrent_streams", "seed", "truth_size"}
}

// reconfigure puts the given fields in force. Windows of faults that are given
// count from now.
func (s *Server) reconfigure(src []byte) Mistakes {
	s.change.Lock()
	defer s.change.Unlock()
	before := s.set()
	c, given, ms := parseConfig("", src, before.given)
	was, is := reflect.ValueOf(before.config), reflect.ValueOf(c.withDefaults())
	for _, name := range fixed() {
		if i := fieldsOf(is.Type())[name]; !is.Field(i).Equal(was.Field(i)) {
			ms = append(ms, Mistake{Line: 1, Column: 1, Text: name + " cannot be changed while the simulator runs"})
		}
	}
	if len(ms) > 0 {
		return ms
	}
	now := time.Now()
	set := newSetting(c, before, now)
	if slices.Contains(given, "faults") {
		set.faultsSince = now
	}
	s.current.Store(set)
	return nil
}
