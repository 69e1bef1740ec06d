package plan

import (
	"crypto/x509"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// What a plan that does not say otherwise gets.
const (
	apiVersion            = "2023-06-01"
	defaultTimeout        = 600 * time.Second
	defaultConnectTimeout = 5 * time.Second
	defaultStallTimeout   = 90 * time.Second
	defaultGracefulStop   = 30 * time.Second
)

func apis() []string     { return []string{"messages", "chat"} }
func versions() []string { return []string{"auto", "1.1", "2"} }

var targetFields = []field[Target]{
	choiceField("api", apis(), func(t *Target) *string { return &t.API }),
	{"base_url", func(d *decoder, n *yaml.Node, t *Target) { t.BaseURL = d.baseURL(n) }},
	{"key_env", func(d *decoder, n *yaml.Node, t *Target) { t.KeyEnv = d.keyEnv(n) }},
	{"version", func(d *decoder, n *yaml.Node, t *Target) { t.Version = d.headerText(n, "version", t.Version) }},
	{"beta", func(d *decoder, n *yaml.Node, t *Target) {
		for _, item := range d.list(n, "beta", "names") {
			if s := d.headerText(item, "an item of beta", ""); s != "" {
				t.Beta = append(t.Beta, s)
			}
		}
	}},
	choiceField("http", versions(), func(t *Target) *string { return &t.HTTP }),
	{"ca_file", func(d *decoder, n *yaml.Node, t *Target) { t.CAFile = d.caFile(n) }},
	positiveField("timeout", func(t *Target) *time.Duration { return &t.Timeout }),
	positiveField("connect_timeout", func(t *Target) *time.Duration { return &t.ConnectTimeout }),
	positiveField("stall_timeout", func(t *Target) *time.Duration { return &t.StallTimeout }),
	{"headers", func(d *decoder, n *yaml.Node, t *Target) { t.Headers = d.headers(n) }},
}

func (d *decoder) target(n *yaml.Node) (Target, object) {
	t := Target{API: "messages", Version: apiVersion, HTTP: "auto",
		Timeout: defaultTimeout, ConnectTimeout: defaultConnectTimeout, StallTimeout: defaultStallTimeout}
	if n == nil {
		return t, object{}
	}
	o := decodeObject(d, n, "target", targetFields, &t)
	for _, name := range o.given("version", "beta") {
		if t.Chat() {
			d.mistakef(o.key(name), "%s is the header anthropic-%s, which api chat does not have: leave it out", name, name)
		}
	}
	return t, o
}

func (d *decoder) baseURL(n *yaml.Node) string {
	s, ok := d.text(n, "base_url")
	if !ok || s == "" || s == SimURL {
		return s
	}
	u, err := url.Parse(s)
	switch {
	case err == nil && u.User != nil:
		d.mistakef(n, "base_url holds a credential: keys come from the environment (see key_env)")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		d.mistakef(n, "base_url is %s, want sim or an address such as https://api.anthropic.com%s", excerpt(s), guess(s, []string{SimURL}))
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		d.mistakef(n, "base_url has a query or a fragment, want an address alone")
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/v1"):
		d.mistakef(n, "base_url ends in /v1: leave that out, write %s", strings.TrimSuffix(strings.TrimRight(s, "/"), "/v1"))
	default:
		return strings.TrimRight(s, "/")
	}
	return ""
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// keyEnv never repeats what it does not accept: it may be a key.
func (d *decoder) keyEnv(n *yaml.Node) string {
	s, ok := scalar(n)
	switch {
	case !ok:
		d.mistakef(n, "key_env is %s, want the name of an environment variable", describe(n))
	case s != "" && (secret(s) || !variable.MatchString(s)):
		d.mistakef(n, "key_env is not the name of an environment variable; a key itself must not stand in a plan")
	default:
		return s
	}
	return ""
}

// secret reports whether a text looks like a key of the API.
func secret(s string) bool { return strings.Contains(s, "sk-ant") || strings.Contains(s, "sk_ant") }

// headerText reads a text that becomes a header's value.
func (d *decoder) headerText(n *yaml.Node, noun, otherwise string) string {
	s, ok := d.text(n, noun)
	switch {
	case !ok:
	case secret(s):
		d.mistakef(n, "%s holds a credential: keys come from the environment (see key_env)", noun)
	case strings.TrimSpace(s) == "":
		d.mistakef(n, "%s is empty", noun)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }):
		d.mistakef(n, "%s holds a character that no HTTP header may have", noun)
	default:
		return s
	}
	return otherwise
}

var token = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func (d *decoder) headers(n *yaml.Node) map[string]string {
	o := d.object(n, "headers", nil)
	h, seen := map[string]string{}, map[string]bool{}
	for i := 0; i+1 < len(n.Content) && o.ok; i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		name := strings.ToLower(k.Value)
		if o.values[k.Value] != v {
			continue // null, or a mistake already
		}
		if seen[name] {
			d.mistakef(k, "header %q is given twice: case does not matter", k.Value)
		} else if why := refused(name); why != "" {
			d.mistakef(k, "header %q %s", k.Value, why)
		} else if !token.MatchString(name) {
			d.mistakef(k, "%s is not the name of a header", excerpt(k.Value))
		} else if s := d.headerText(v, "header "+k.Value, ""); s != "" {
			h[k.Value] = s
		}
		seen[name] = true
	}
	return h
}

// refused says why a header cannot be set by a plan; "" if it can.
func refused(name string) string {
	switch name {
	case "x-api-key", "api-key", "authorization", "proxy-authorization", "cookie", "x-goog-api-key",
		"x-auth-token", "anthropic-api-key", "x-amz-security-token":
		return "is a credential: keys come from the environment (see key_env)"
	case "anthropic-version":
		return "is target.version"
	case "anthropic-beta":
		return "is target.beta"
	case "host", "content-length", "content-type", "content-encoding", "accept", "accept-encoding", "connection", "transfer-encoding",
		"te", "trailer", "upgrade", "expect", "keep-alive", "proxy-connection":
		return "is set by tokenload itself"
	}
	return ""
}

// caFile checks a file of certificates and returns its path for the client.
func (d *decoder) caFile(n *yaml.Node) string {
	name, ok := d.text(n, "ca_file")
	if !ok || name == "" {
		return ""
	}
	pem, ok := d.readFile(n, name)
	if !ok {
		return ""
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		d.mistakef(n, "%q holds no certificate in PEM form", name)
		return ""
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.o.Dir, filepath.FromSlash(name))
}
