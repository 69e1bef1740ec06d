package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
)

func TestNewRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(c Config) Config {
		c.BaseURL = or(c.BaseURL, "https://api.test")
		return c
	}
	header := func(name, value string) Config { return with(Config{Headers: map[string]string{name: value}}) }
	for name, tt := range map[string]struct {
		config Config
		part   string
	}{
		"no address":         {Config{}, "want http:// or https://"},
		"no host":            {Config{BaseURL: "https://"}, "and a host"},
		"no scheme":          {Config{BaseURL: "api.test"}, "want http://"},
		"another scheme":     {Config{BaseURL: "ftp://api.test"}, "want http://"},
		"not an address":     {Config{BaseURL: "http://a:" + secret + "@[x"}, "not an address"},
		"password":           {Config{BaseURL: "http://a:" + secret + "@api.test"}, "use the key"},
		"query":              {Config{BaseURL: "http://api.test?a=b"}, "leave out everything from the ?"},
		"v1":                 {Config{BaseURL: "http://api.test/v1/"}, "leave out /v1"},
		"v1/messages":        {Config{BaseURL: "http://api.test/x/v1/messages"}, "leave out /v1"},
		"http":               {with(Config{HTTP: "3"}), `"3" is not one of`},
		"negative time-out":  {with(Config{StallTimeout: -1}), "time-out is negative"},
		"negative cap":       {with(Config{MaxEvent: -1}), "negative"},
		"line break in key":  {with(Config{Key: secret + "\n"}), "white space"},
		"control in key":     {with(Config{Key: Key(secret[:12] + "\x00" + secret[12:])}), "position 13"},
		"space in key":       {with(Config{Key: Key(secret[:12] + " " + secret[12:])}), "position 13"},
		"umlaut in key":      {with(Config{Key: secret + "ü"}), "position 46"},
		"authorization":      {header("authorization", secret), "is a credential"},
		"x-api-key":          {header("X-API-Key", secret), "is a credential"},
		"api-key":            {header("api-key", secret), "is a credential"},
		"cookie":             {header("cookie", secret), "is a credential"},
		"proxy":              {header("proxy-authorization", secret), "is a credential"},
		"host":               {header("host", "x"), "set by the client"},
		"encoding":           {header("accept-encoding", "gzip"), "set by the client"},
		"bad name":           {header("a b", "x"), "not a header's name"},
		"bad value":          {header("x-a", "b\r\nx-api-key: c"), "line break"},
		"bad version":        {with(Config{Version: "2023\n"}), "line break"},
		"bad beta":           {with(Config{Beta: []string{"a\n"}}), "line break"},
		"no CA file":         {with(Config{CAFile: empty + "x"}), "no such file"},
		"CA file without CA": {with(Config{CAFile: empty}), "no PEM certificate"},
	} {
		c, err := New(tt.config)
		if err == nil || !strings.HasPrefix(err.Error(), "client: ") || !strings.Contains(err.Error(), tt.part) || c != nil {
			t.Errorf("%s: %v; want %q", name, err, tt.part)
		}
		if err != nil && strings.Contains(err.Error(), secret[5:12]) {
			t.Errorf("%s: shows the key: %v", name, err)
		}
	}
}

// TestRequestBytes: what goes over the wire, to the byte.
func TestRequestBytes(t *testing.T) {
	for name, tt := range map[string]struct {
		config Config
		want   string
	}{
		"defaults": {Config{}, `POST /v1/messages HTTP/1.1
Host: api.test
User-Agent: tokenload
Content-Length: 112
Accept: text/event-stream, application/json
Accept-Encoding: identity
Anthropic-Version: 2023-06-01
Content-Type: application/json
`},
		"everything": {Config{BaseURL: "http://api.test:81/anthropic/", Key: secret, Bearer: true, Version: "2026-10-21", Beta: []string{"a-1", "b-2"},
			Headers: map[string]string{"anthropic-beta": "c-3", "x-team": "blue"}, UserAgent: "tokenload/1.2"}, `POST /anthropic/v1/messages HTTP/1.1
Host: api.test:81
User-Agent: tokenload/1.2
Content-Length: 112
Accept: text/event-stream, application/json
Accept-Encoding: identity
Anthropic-Beta: a-1,b-2,c-3
Anthropic-Version: 2026-10-21
Authorization: Bearer ` + secret + `
Content-Type: application/json
X-Team: blue
`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var head, body string
				r := serving(t, tt.config, func(w *wire) {
					w.next()
					head, body = w.head, w.body
					w.say(events(evStop) + lastChunk)
				}).Send(t.Context(), ask())
				if d := cmp.Diff(strings.ReplaceAll(tt.want, "\n", "\r\n"), head); d != "" || body != string(ask().Body) || r.Class != call.OK {
					t.Errorf("class %s, body %q, head (-want +got):\n%s", r.Class, body, d)
				}
			})
		})
	}
}

// certificate makes a server's certificate, valid in a bubble too, and the file that names it.
func certificate(t testing.TB, name string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// TestTLS: the handshake is timed apart, and a second request does not pay for it.
func TestTLS(t *testing.T) {
	cert, file := certificate(t, "api.test")
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{BaseURL: "https://api.test", CAFile: file, Dial: dialAfter(7 * ms)}, func(w *wire) {
			time.Sleep(20 * ms) // before the handshake
			w.encrypt(&tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}})
			for w.next() {
				time.Sleep(100 * ms)
				w.say(streamHead)
				w.chunk(evStart)
				time.Sleep(10 * ms)
				w.chunk(evText + evEnd + evStop)
				w.say(lastChunk)
			}
		})
		at := time.Second
		for i := range 2 {
			r := c.Send(t.Context(), ask())
			want := instants{Started: at, NewConn: i == 0, Events: 1}
			if i == 0 {
				want.Connect, want.TLS = 7*ms, 20*ms
				at += 27 * ms
			}
			want.Sent, want.Byte, want.Event = at, at+100*ms, at+100*ms
			at += 110 * ms
			want.Content, want.Text, want.Last, want.Done = at, at, at, at
			if d := cmp.Diff(want, instantsOf(r)); d != "" || r.Class != call.OK {
				t.Errorf("request %d: class %s, %+v (-want +got):\n%s", i, r.Class, r.Err, d)
			}
		}
	})
}

// TestProxy: a plain proxy gets the whole address, and its own credential is not the key.
func TestProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var head string
		r := serving(t, Config{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test:3128"})}, func(w *wire) {
			w.next()
			head = w.head
			w.say(events(evStop) + lastChunk)
		}).Send(t.Context(), ask())
		if r.Class != call.OK || !strings.HasPrefix(head, "POST http://api.test/v1/messages HTTP/1.1\r\n") {
			t.Errorf("class %s, %+v, head %q", r.Class, r.Err, head)
		}
	})
}
