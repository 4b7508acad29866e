# Links between the nodes of several clusters, for meshes of more than one. Sourced
# by hack/cluster. One veth pair for every two clusters: cutting one parts these two
# and nothing else, and the host still reaches both.
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

# join_end NETNS MINE PEER
join_end() {
  ip -n "$1" addr add "10.98.$2.$3" peer "10.98.$3.$2" dev "peer$3"
  ip -n "$1" link set "peer$3" up
  link_end on "$@"
}

# link_end on|nodes|off NETNS MINE PEER: the peer's pods and its node, where the API server is, behind the link, the node
# alone, or neither. Packets into a black hole vanish: nobody hears that the link is cut, which is harder for both sides
# than a device that is down.
link_end() {
  local way=(via "10.98.$4.$3" dev "peer$4") masquerade=(POSTROUTING -s "10.100.$3.0/24" -o "peer$4" -j MASQUERADE)
  case $1 in
    on) ip -n "$2" route replace "10.100.$4.0/24" "${way[@]}" ;;
    *) ip -n "$2" route replace blackhole "10.100.$4.0/24" ;;
  esac
  case $1 in
    off) ip -n "$2" route replace blackhole "10.99.$4.2/32" ;;
    *) ip -n "$2" route replace "10.99.$4.2/32" "${way[@]}" ;;
  esac
  # The peer has no way back to the pods here: they have the node's address on the link.
  nsenter --net="/run/netns/$2" iptables -w -t nat -D "${masquerade[@]}" 2>/dev/null || true
  [ "$1" != nodes ] || nsenter --net="/run/netns/$2" iptables -w -t nat -A "${masquerade[@]}"
}

# network_link on|nodes|off PEER
network_link() {
  local state=${1:-} peer=${2:-} other
  [[ $state,$peer =~ ^(on|nodes|off),. ]] || die "usage: hack/cluster link on|nodes|off PEER [--name NAME]"
  [ "$MODE" = full ] || die "cluster '$NAME' has no node and so no network"
  other=$(sed -n 's/^INDEX=//p' "$STATE_ROOT/$peer/settings" 2>/dev/null) || other=""
  ip -n "$NETNS" link show "peer${other:-none}" >/dev/null 2>&1 ||
    die "cluster '$NAME' has no link to '$peer'"
  # Both ends: either cluster's word parts them, and either's joins them again.
  link_end "$state" "$NETNS" "$INDEX" "$other"
  link_end "$state" "istio-op-$peer" "$other" "$INDEX"
}
