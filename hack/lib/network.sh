# Links between the nodes of several clusters, for meshes of more than one. Sourced
# by hack/cluster. One veth pair for every two clusters: taking one down parts these
# two and nothing else, and the host still reaches both.
# shellcheck shell=bash
# shellcheck disable=SC2153

# join_networks: a pair with every other cluster that has a node.
join_networks() {
  local peer settings
  for settings in "$STATE_ROOT"/*/settings; do
    peer=$(basename "$(dirname "$settings")")
    [ "$peer" != "$NAME" ] || continue
    [ -e "/run/netns/istio-op-$peer" ] || continue
    join_pair "$peer" "$(sed -n 's/^INDEX=//p' "$settings")"
  done
}

# Addresses follow from both indexes: 10.98.MINE.PEER talks to 10.98.PEER.MINE.
join_pair() {
  local peer=$1 peer_netns=istio-op-$1 other=$2
  ip link add "peer$other" netns "$NETNS" type veth peer name "peer$INDEX" netns "$peer_netns" 2>/dev/null ||
    return 0
  join_end "$NETNS" "$INDEX" "$other"
  join_end "$peer_netns" "$other" "$INDEX"
}

# join_end NETNS MINE PEER: the peer's pods and API server are behind this link.
join_end() {
  ip -n "$1" addr add "10.98.$2.$3" peer "10.98.$3.$2" dev "peer$3"
  ip -n "$1" link set "peer$3" up
  join_routes "$@"
}

join_routes() {
  ip -n "$1" route replace "10.100.$3.0/24" via "10.98.$3.$2" dev "peer$3"
  ip -n "$1" route replace "10.99.$3.2/32" via "10.98.$3.$2" dev "peer$3"
}

# network_link on|off PEER
network_link() {
  local state=${1:-} peer=${2:-} other
  [[ $state,$peer =~ ^(on|off),. ]] || die "usage: hack/cluster link on|off PEER [--name NAME]"
  [ "$MODE" = full ] || die "cluster '$NAME' has no node and so no network"
  other=$(sed -n 's/^INDEX=//p' "$STATE_ROOT/$peer/settings" 2>/dev/null) || other=""
  ip -n "$NETNS" link show "peer${other:-none}" >/dev/null 2>&1 ||
    die "cluster '$NAME' has no link to '$peer'"
  ip -n "$NETNS" link set "peer$other" "$([ "$state" = on ] && echo up || echo down)"
  if [ "$state" = on ]; then
    join_routes "$NETNS" "$INDEX" "$other"
  fi
}
