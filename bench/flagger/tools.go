//go:build tools

// Package tools names the peer that bench/run-canary measures: go.sum has what it needs (go mod tidy writes it).
package tools

import _ "github.com/fluxcd/flagger/cmd/flagger"
