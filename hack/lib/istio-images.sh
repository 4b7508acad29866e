# The images of today's Istio for a local cluster: pulled where a registry answers, else made of the programs that
# istio.sh builds. Sourced by hack/cluster, after images.sh.
# shellcheck shell=bash
# shellcheck disable=SC2153  # variables of use_cluster and use_istio

ECHO_IMAGE=istio-operator.local/echo
ISTIO_TODAY_IMAGES="pilot proxyv2 install-cni"

# istio_archive echo|all: prints the path of the archive with the echo server's image, or with Istio's, too; kept beside
# the programs under the digest of what it is made of.
istio_archive() {
  local archive digest
  digest=$(cat "$HACK_DIR"/lib/{image,istio,istio-images}.sh "$ISTIO_SOURCES/requirements.txt" \
    "$ISTIO_SOURCES/$ISTIO_LINE"/go.sum | sha256sum | cut -c1-16)
  archive=$ISTIO_CACHE/images-$1-$digest.tar
  (
    flock 9
    [ -e "$archive" ] && exit
    rm -f "$ISTIO_CACHE/images-$1"-*.tar*
    istio_archive_build "$1" "$archive"
  ) 9>"$ISTIO_CACHE/images.lock" >&2 || exit 1
  echo "$archive"
}

# istio_archive_build echo|all FILE: one layer, one configuration an image.
istio_archive_build() {
  local dir image
  dir=$(mktemp -d -p "$ISTIO_CACHE")
  mkdir -p "$dir/root/usr/local/bin" "$dir/image"
  chmod 755 "$dir/root"
  install -m 755 "$ISTIO_CACHE"/bin/echo-{server,client} "$dir/root/usr/local/bin"
  [ "$1" = echo ] || istio_root "$dir/root"
  image_layer "$dir/root" "$dir/image"
  rm -rf "$dir/root"
  {
    istio_config "$dir/image" echo echo-server
    image_manifest echo "$ECHO_IMAGE:$ISTIO_VERSION"
    if [ "$1" = all ]; then
      # Istio's own filters are missing in this Envoy: istiod must not ask for them. No object of a mesh says so.
      istio_config "$dir/image" pilot pilot-discovery PILOT_ENABLE_METADATA_EXCHANGE=false PILOT_ENABLE_ALPN_FILTER=false \
        PILOT_ENABLE_TELEMETRY_LABEL=false PILOT_ENDPOINT_TELEMETRY_LABEL=false
      istio_config "$dir/image" proxyv2 pilot-agent ISTIO_META_ISTIO_VERSION="$ISTIO_VERSION"
      istio_config "$dir/image" install-cni install-cni
      for image in $ISTIO_TODAY_IMAGES; do
        image_manifest "$image" "$ISTIO_HUB/$image:$ISTIO_VERSION"
      done
    fi
  } >"$dir/manifests"
  image_archive "$dir/image" "$2" <"$dir/manifests"
  rm -rf "$dir"
}

# istio_root FOLDER: what Istio's images have. Programs that are linked dynamically bring their libraries.
istio_root() {
  local root=$1 program file name
  for program in pilot-discovery pilot-agent install-cni envoy; do
    install -m 755 "$ISTIO_CACHE/bin/$program" "$root/usr/local/bin"
  done
  install -D -m 755 "$ISTIO_CACHE/bin/istio-cni" "$root/opt/cni/bin/istio-cni"
  install -D -m 644 "$ISTIO_CACHE/envoy_bootstrap_tmpl.json" "$root/var/lib/istio/envoy/envoy_bootstrap_tmpl.json"
  mkdir -p "$root"/etc/istio/proxy "$root"/var/lib/istio/data "$root"/tmp "$root"/usr/sbin
  chmod 1777 "$root"/etc/istio/proxy "$root"/var/lib/istio/data "$root"/tmp
  echo "root:x:0:0::/root:/" >"$root/etc/passwd"
  echo "istio-proxy:x:1337:1337::/home/istio-proxy:/" >>"$root/etc/passwd"
  printf 'root:x:0:\nistio-proxy:x:1337:\n' >"$root/etc/group"
  program=$(command -v xtables-nft-multi) || die "no xtables-nft-multi here: hack/deps cluster installs it"
  install -m 755 "$program" "$root/usr/sbin/xtables-nft-multi"
  for name in ip{,6}tables{,-save,-restore}; do
    ln -s xtables-nft-multi "$root/usr/sbin/$name"
  done
  for file in /usr/lib/*/xtables/*.so $(image_libraries "$program" "$ISTIO_CACHE/bin/envoy" /usr/lib/*/xtables/*.so); do
    install -D -m 755 "$(realpath "$file")" "$root$file"
  done
}

# istio_config FOLDER IMAGE PROGRAM [VARIABLE...]
istio_config() {
  local folder=$1 image=$2 program=$3 user=""
  shift 3
  case $image in pilot | proxyv2) user=1337:1337 ;; esac
  image_config "$folder" "$image" "$(jq -n --arg entry "/usr/local/bin/$program" --arg user "$user" '{
    Entrypoint: [$entry], User: $user, WorkingDir: "/",
    Env: (["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] + $ARGS.positional)}' --args "$@")"
}

# images_load_today LINE...: Istio's images of these lines, and the echo server for tests.
images_load_today() {
  local line choice=${ISTIO_IMAGES:-auto}
  [ $# -gt 0 ] || return 0
  [ "$MODE" = full ] || die "cluster '$NAME' has no node to load images into"
  if [ "$choice" = auto ]; then
    if registry_answers; then choice=real; else choice=built; fi
  fi
  for line in "$@"; do
    use_istio "$line"
    case $choice in
      real) images_load_real ;;
      built)
        # shellcheck disable=SC2046
        istio_ensure $(istio_image_programs)
        step "Istio's images, built here, loaded" images_import "$(istio_archive all)"
        ;;
      *) die "ISTIO_IMAGES is '$choice': for Istio $line auto, real and built are known" ;;
    esac
    say "Istio images $ISTIO_VERSION: $choice"
    echo "$choice" >"$STATE/istio-images-$line"
  done
}

images_load_real() {
  local image
  istio_ensure echo-server echo-client
  step "echo server's image loaded" images_import "$(istio_archive echo)"
  for image in $ISTIO_TODAY_IMAGES; do
    step "$ISTIO_HUB/$image:$ISTIO_VERSION pulled" image_pull "$ISTIO_HUB/$image:$ISTIO_VERSION"
  done
}
