# Container images put together with tar and jq, so that no image builder is needed.
# Sourced: hack/cluster makes the stand-ins with it, hack/image the operator's own.
# shellcheck shell=bash

# image_libraries FILE...: the libraries and the loader that they need, as the loader itself finds them.
image_libraries() {
  local found
  found=$(ldd "$@" 2>/dev/null)
  ! grep -F 'not found' <<<"$found" >&2 || die "a library is missing that one of these needs: $*"
  # With several files each has a line of its own, with a colon.
  awk '!/:$/ { for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i }' <<<"$found" | sort -u
}

# image_layer ROOT FOLDER: all that lies under ROOT, as FOLDER's one layer. The same
# content gives the same bytes.
image_layer() {
  tar -C "$1" --owner=0 --group=0 --numeric-owner --mtime=@0 --sort=name -cf "$2/layer.tar" .
}

# image_config FOLDER NAME CONFIG: an image of that layer. CONFIG is JSON as in the OCI
# image specification's "config" (Entrypoint, Env, User ...).
image_config() {
  local layer
  layer=sha256:$(sha256sum "$1/layer.tar" | cut -d' ' -f1)
  jq -n --arg arch "$(dpkg --print-architecture)" --arg layer "$layer" --argjson config "$3" '{
    architecture: $arch, os: "linux", created: "1970-01-01T00:00:00Z", config: $config,
    rootfs: {type: "layers", diff_ids: [$layer]}}' >"$1/$2.json"
}

# image_manifest NAME TAG: what docker's archive format says of one tag of one image.
image_manifest() {
  jq -n --arg config "$1.json" --arg tag "$2" '{Config: $config, RepoTags: [$tag], Layers: ["layer.tar"]}'
}

# image_archive FOLDER FILE: the archive; the manifests of all tags come on standard input.
image_archive() {
  jq -s . >"$1/manifest.json"
  tar -C "$1" --owner=0 --group=0 --numeric-owner --mtime=@0 --sort=name -cf "$2.new" .
  mv "$2.new" "$2"
}
