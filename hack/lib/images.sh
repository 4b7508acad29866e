# Images: the sandbox, Istio's or their stand-ins, and archives. Sourced by
# hack/cluster. Archives are put together by image.sh, so no image builder is needed.
# shellcheck shell=bash
# shellcheck disable=SC2153

PAUSE_IMAGE=istio-operator.local/pause:1
ISTIO_HUB=docker.io/istio
ISTIO_TAGS="1.0.5 1.0.6 1.1.17"

# Image and the program that its entry point names, arguments included.
standin_images() {
  cat <<'TEXT'
citadel /usr/local/bin/istio_ca
galley /usr/local/bin/galley
mixer /usr/local/bin/mixs server
pilot /usr/local/bin/pilot-discovery
proxyv2 /usr/local/bin/pilot-agent
sidecar_injector /usr/local/bin/sidecar-injector
proxy_init /usr/local/bin/istio-iptables.sh
node-agent-k8s /usr/local/bin/node_agent_k8s
install-cni /install-cni.sh
TEXT
}

ctr_node() { ctr -a "$(containerd_socket)" -n k8s.io "$@"; }

# standin_archive KIND: prints the path of the archive with the sandbox image (pause)
# or with Istio's stand-ins (istio). Kept beside Kubernetes, under the digest of its
# sources.
standin_archive() {
  local digest dir=$CACHE_ROOT archive lock
  digest=$(cat "$HACK_DIR"/standin/*.[ch] "$HACK_DIR"/lib/image{,s}.sh | sha256sum | cut -c1-16)
  archive=$dir/images-$1-$digest.tar
  mkdir -p "$dir"
  exec {lock}>"$dir/images.lock"
  flock "$lock"
  if [ ! -e "$archive" ]; then
    rm -f "$dir/images-$1"-*.tar
    standin_build "$1" "$archive"
  fi
  exec {lock}>&-
  echo "$archive"
}

standin_compile() {
  local out=$1
  # shellcheck disable=SC2046
  gcc -std=gnu17 -Os -static -Wall -Wextra -Werror -s -o "$out" "$HACK_DIR"/standin/*.c \
    $(pkg-config --static --libs jansson libssl) 2>"$out.log" || {
    cat "$out.log" >&2
    die "building the stand-in failed; hack/deps cluster installs what it needs"
  }
  # What is left are the linker's remarks on getaddrinfo, which is never called.
  rm "$out.log"
}

# standin_build KIND FILE: one layer with the program under every name, one configuration
# an image, in docker's archive format.
standin_build() {
  local kind=$1 file=$2 dir image entry tag
  dir=$(mktemp -d)
  mkdir -p "$dir/root/usr/local/bin" "$dir/image"
  standin_compile "$dir/root/pause"
  chmod 755 "$dir/root/pause" "$dir/root"
  for entry in $(standin_images | cut -d' ' -f2) /usr/local/bin/envoy; do
    ln "$dir/root/pause" "$dir/root$entry"
  done
  image_layer "$dir/root" "$dir/image"
  if [ "$kind" = pause ]; then
    standin_config "$dir/image" pause /pause
    image_manifest pause "$PAUSE_IMAGE"
  else
    while read -r image entry; do
      standin_config "$dir/image" "$image" "$entry"
      for tag in $ISTIO_TAGS; do
        image_manifest "$image" "$ISTIO_HUB/$image:$tag"
      done
    done < <(standin_images)
  fi >"$dir/manifests"
  image_archive "$dir/image" "$file" <"$dir/manifests"
  rm -rf "$dir"
}

# standin_config FOLDER IMAGE ENTRYPOINT
standin_config() {
  image_config "$1" "$2" "$(jq -n --arg entry "$3" '{
    Entrypoint: ($entry | split(" ")), Env: ["PATH=/usr/local/bin"],
    Labels: {"istio-operator/stand-in": "true"}}')"
}

images_load_pause() { images_import "$(standin_archive pause)"; }

# images_load FILE...
images_load() {
  local path files=()
  [ "$MODE" = full ] || die "cluster '$NAME' has no node to load images into"
  [ $# -gt 0 ] || die "usage: hack/cluster load FILE_OR_FOLDER..."
  for path in "$@"; do
    if [ -d "$path" ]; then files+=("$path"/*.tar); else files+=("$path"); fi
  done
  for path in "${files[@]}"; do
    [ -r "$path" ] || die "no such image archive: $path"
    step "image archive ${path##*/} loaded" images_import "$path"
  done
}

images_import() {
  ctr_node images import "$1" >>"$STATE/logs/images.log" 2>&1 ||
    die "$1 cannot be imported: see $STATE/logs/images.log. Is it a docker or OCI archive?"
}

# A registry answers, or not, within seconds: nothing else may hold up a start.
registry_answers() {
  timeout 5 "$(command -v ctr)" -a "$(containerd_socket)" -n k8s.io \
    images pull "$ISTIO_HUB/citadel:1.0.5" >>"$STATE/logs/images.log" 2>&1
}

# image_pull IMAGE: ctr itself fetches, in the host's network: the node's leads nowhere else.
image_pull() {
  ctr_node images pull "$1" >>"$STATE/logs/images.log" 2>&1 || die "pulling $1 failed: see $STATE/logs/images.log"
}

pull_istio() {
  local image tag
  for image in $(standin_images | cut -d' ' -f1 | grep -vE "node-agent|install-cni"); do
    for tag in $ISTIO_TAGS; do
      image_pull "$ISTIO_HUB/$image:$tag"
    done
  done
}

images_load_istio() {
  local choice=${ISTIO_IMAGES:-auto}
  [ "$MODE" = full ] || die "cluster '$NAME' has no node to load images into"
  if [ "$choice" = auto ]; then
    if registry_answers; then choice=real; else choice=standin; fi
  fi
  case $choice in
    real)
      step "Istio's images pulled" pull_istio
      say "Istio images: real"
      ;;
    standin)
      step "stand-ins loaded" images_load_standins
      say "Istio images: stand-ins"
      ;;
    *) die "ISTIO_IMAGES is '$choice': auto, real and standin are known" ;;
  esac
  echo "$choice" >"$STATE/istio-images"
}

images_load_standins() { images_import "$(standin_archive istio)"; }
