// Package referee holds the official SDKs against the simulator. This file keeps
// the tests of both majors of the one for Go the same.
package referee

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write go1 from go2")

// The two majors differ in their import path and in what major_test.go says.
func TestGo1IsGo2(t *testing.T) {
	files, err := filepath.Glob("go2/*_test.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %q, %v", files, err)
	}
	for _, name := range files {
		if filepath.Base(name) == "major_test.go" {
			continue
		}
		two, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		one := filepath.Join("go1", filepath.Base(name))
		want := append([]byte("// Code generated from go2 by \"go test . -update\"; DO NOT EDIT.\n\n"),
			bytes.ReplaceAll(two, []byte("anthropic-sdk-go/v2"), []byte("anthropic-sdk-go"))...)
		if *update {
			if err := os.WriteFile(one, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(one); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not %s: run go test . -update here (%v)", one, name, err)
		}
	}
}
