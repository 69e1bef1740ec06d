package sim

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A client that trusts the certificate written out, and nothing else, is served
// over HTTP/1.1 and HTTP/2. Sockets: HTTP/2 over TLS is the kernel's to carry.
func TestTLS(t *testing.T) {
	out := filepath.Join(t.TempDir(), "sim.pem")
	s, err := Start(Config{Profile: Instant, TLS: true, CertOut: out})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	written, err := os.ReadFile(out)
	if err != nil || !bytes.Equal(written, s.Cert) || bytes.Contains(written, []byte("PRIVATE")) {
		t.Fatalf("the certificate written is %q (%v)", written, err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(written)
	for _, two := range []bool{false, true} {
		var p http.Protocols
		p.SetHTTP1(!two)
		p.SetHTTP2(two)
		c := &http.Client{Transport: &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{RootCAs: roots}}}
		for _, url := range []string{s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)} {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/messages", strings.NewReader(ask("claude-haiku-4-5", 9, "Hi", "")))
			r.Header.Set("X-Api-Key", "k")
			r.Header.Set("Anthropic-Version", "2023-06-01")
			res, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if want := map[bool]int{false: 1, true: 2}[two]; res.StatusCode != 200 || res.ProtoMajor != want {
				t.Errorf("%s: %d over HTTP/%d, want 200 over HTTP/%d", url, res.StatusCode, res.ProtoMajor, want)
			}
		}
		c.CloseIdleConnections()
	}
	plain, err := http.Get(s.URL + "/v1/models") // trusts what the machine trusts
	if err == nil {
		plain.Body.Close()
		t.Error("a client that was not told of the certificate trusts it")
	}
}

func TestCertOutThatCannotBeWritten(t *testing.T) {
	_, err := Start(Config{TLS: true, CertOut: filepath.Join(t.TempDir(), "no", "sim.pem")})
	if err == nil || !strings.Contains(err.Error(), "write the certificate") {
		t.Errorf("Start = %v", err)
	}
}
