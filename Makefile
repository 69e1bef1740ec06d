# make check: format, vet, staticcheck, tests with the race detector,
# cross-compiling, known vulnerabilities. CI (.ci/run) adds to it.
GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
PLATFORMS   := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: build test check fmt lint cross vuln bench

build:
	$(GO) build -o tokenload ./cmd/tokenload

test:
	$(GO) test -race ./...

check: fmt lint cross vuln test

fmt:
	@test -z "$$(gofmt -l .)" || { echo "gofmt these:"; gofmt -l .; exit 1; }

lint:
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

cross:
	@for p in $(PLATFORMS); do echo "build $$p"; \
	GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/tokenload || exit 1; done

# The vulnerability database is on the internet; without it this step says so and passes.
vuln:
	@$(GO) run $(GOVULNCHECK) ./... || { s=$$?; if [ $$s -eq 3 ]; then exit 3; fi; echo "govulncheck could not run here (no database): skipped"; }

bench:
	bash bench/run.sh
