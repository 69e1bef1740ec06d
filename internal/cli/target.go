package cli

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
)

const anthropicURL = "https://api.anthropic.com"

// target is where a run sends, and with which key.
type target struct {
	url    string // plan.SimURL or an address
	key    client.Key
	bearer bool
	named  bool   // by --target or the environment, not by the plan alone
	why    string // said to the user where the choice may surprise
}

func (t target) sim() bool { return t.url == plan.SimURL }

// name is how reports call the target: an address without what may be secret in it.
func (t target) name() string {
	if t.sim() {
		return t.url
	}
	u, err := url.Parse(t.url)
	if err != nil || u.Host == "" {
		return "(not shown: it may hold a credential)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// choose decides where to send: --target, else the plan, else
// ANTHROPIC_BASE_URL, else the API if there is a key, else the simulator. Chat
// completions have no address of their own: without a name, the simulator.
func (e *env) choose(flag string, p plan.Target) (target, error) {
	t := target{url: strings.TrimRight(flag, "/"), named: flag != ""}
	key, bearer, err := e.key(p.KeyEnv)
	if err != nil {
		return t, err
	}
	switch {
	case t.url != "":
	case p.BaseURL != "":
		t.url = p.BaseURL
	case p.Chat():
		t.url, t.why = plan.SimURL, "no target named for api chat: using the built-in simulator"
	case e.vars["ANTHROPIC_BASE_URL"] != "":
		t.url, t.named = strings.TrimRight(e.vars["ANTHROPIC_BASE_URL"], "/"), true
	case key != "":
		t.url = anthropicURL
	default:
		t.url, t.why = plan.SimURL, "no key and no target: using the built-in simulator"
	}
	if t.sim() {
		t.key = "simulated"
		return t, nil
	}
	u, err := url.Parse(t.url)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return t, usageError{hinted{errTarget(t.url), "give an address such as http://localhost:8787, or sim"}}
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Path, "/v1") {
		return t, usageError{hinted{errTarget(t.url), "leave out /v1, any name or password, and everything from the ? or # on; the key has its own variable"}}
	}
	home := anthropic(u.Hostname()) || loopback(u.Hostname())
	switch {
	case key != "" && (home || t.named && !p.Chat() || p.KeyEnv != ""):
		t.key, t.bearer = key, bearer
	case key != "" && p.Chat(): // a server of chat completions is rarely Anthropic's
		t.why = "Anthropic's key is not sent to " + u.Host + ": name the variable of its key in target.key_env"
	case key != "":
		t.why = "the key is not sent to " + u.Host + ": name the target with --target or set target.key_env to send it there"
	case loopback(u.Hostname()):
		t.key = "none"
	case anthropic(u.Hostname()):
		return t, usageError{hinted{errNoKey(t.url), "set ANTHROPIC_API_KEY, or use --target sim, which needs none"}}
	}
	return t, nil
}

// key finds the API key: in the variable the plan names, else in the usual ones.
func (e *env) key(variable string) (key client.Key, bearer bool, err error) {
	if variable != "" {
		v := e.vars[variable]
		if v == "" {
			return "", false, hinted{errNoKey("target.key_env " + variable), "set the variable " + variable}
		}
		return client.Key(v), false, nil
	}
	if v := e.vars["ANTHROPIC_API_KEY"]; v != "" {
		return client.Key(v), false, nil
	}
	v := e.vars["ANTHROPIC_AUTH_TOKEN"]
	return client.Key(v), v != "", nil
}

// errTarget and errNoKey say what is wrong and quote no secret.
type (
	errTarget string
	errNoKey  string
)

func (s errTarget) Error() string {
	return "target " + target{url: string(s)}.name() + " cannot be used"
}
func (s errNoKey) Error() string { return "no key for " + string(s) }

func anthropic(host string) bool {
	return host == "anthropic.com" || strings.HasSuffix(host, ".anthropic.com")
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// proxy honours HTTPS_PROXY and its kin, and never for loopback.
func proxy(r *http.Request) (*url.URL, error) {
	if loopback(r.URL.Hostname()) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}
