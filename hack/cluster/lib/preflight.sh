# What the machine must have, each lack with one line that says the remedy. Sourced after settings.sh.
# shellcheck shell=bash

check_machine() {
  [ "$(id -u)" = 0 ] || die "up: root is needed (namespaces, mounts, iptables); run it with sudo, or set KUBECONFIG to a cluster you have"
  [ "$(uname -s)" = Linux ] || die "up: Linux is needed; set KUBECONFIG to a cluster you have"
  unshare --net --mount --pid --fork true 2>/dev/null || die "up: this machine does not let root make namespaces (unshare --net failed); in a container, run it privileged"
  mountpoint -q /sys/fs/cgroup || die "up: no control groups are mounted at /sys/fs/cgroup"
  [ "${#CONTAINERD_SOCKET}" -lt 100 ] || die "up: $RUN is too long a path for a Unix socket; set CACHE to a shorter folder"
}

missing_packages() { # Debian's names of what is not there
  local command package
  while read -r command package; do
    command -v "$command" >/dev/null || echo "$package"
  done <<'TABLE'
conntrack conntrack
debootstrap debootstrap
gcc gcc
ip iproute2
ipset ipset
iptables iptables
nft nftables
openssl openssl
pkg-config pkg-config
python3 python3
TABLE
  pkg-config --exists libseccomp 2>/dev/null || echo libseccomp-dev
  echo '#include <stdlib.h>' | gcc -E - >/dev/null 2>&1 || echo libc6-dev
  [ -n "$(cni_plugins)" ] || echo containernetworking-plugins
}

cni_plugins() { # the folder that holds them
  local folder
  for folder in /usr/lib/cni /opt/cni/bin /usr/libexec/cni; do
    if [ -x "$folder/bridge" ] && [ -x "$folder/host-local" ] && [ -x "$folder/portmap" ]; then echo "$folder"; return 0; fi
  done
}

install_packages() {
  local packages start=$SECONDS
  packages=$(missing_packages | sort -u | tr '\n' ' ')
  if [ -n "$packages" ]; then
    command -v apt-get >/dev/null || die "up: these are missing (Debian's names): $packages"
    # shellcheck disable=SC2086 # words
    apt_install $packages || { apt-get update -qq >/dev/null && apt_install $packages; } || die "up: apt-get could not install: $packages"
    say "installed $packages" "$start"
  fi
  # shellcheck disable=SC2034 # containerd's configuration has it
  CNI_PLUGINS=$(cni_plugins)
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; }

check_ports() {
  local port
  for port in "$API_PORT" "$ETCD_PORT" "$((ETCD_PORT + 1))" 10250 10256 10257 10259; do
    [ -z "$(ss -Hltn "sport = :$port")" ] ||
      die "up: port $port is taken by another program: $(ss -Hltnp "sport = :$port" | awk '{ print $NF; exit }'); stop it, or set API_PORT or ETCD_PORT"
  done
}

# Where pods and this machine both reach the API server: the address of the interface with the default route, else any global one, else one
# on a bridge made for it (a machine without a network).
find_node_ip() {
  local interface
  interface=$(ip -4 route show default | awk '{ for (i = 1; i < NF; i++) if ($i == "dev") { print $(i + 1); exit } }')
  NODE_IP=$(ip -4 -o addr show ${interface:+dev "$interface"} scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
  [ -n "$NODE_IP" ] && return 0
  ip link show "$NODE_BRIDGE" >/dev/null 2>&1 || ip link add "$NODE_BRIDGE" type bridge
  ip addr replace "$NODE_BRIDGE_ADDRESS/24" dev "$NODE_BRIDGE"
  ip link set "$NODE_BRIDGE" up
  ip link set lo up
  NODE_IP=$NODE_BRIDGE_ADDRESS
}
