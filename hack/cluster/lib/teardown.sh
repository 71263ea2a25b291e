# Removing a cluster, whole or crashed: the same steps for both, each of which does nothing where nothing is left. Sourced last.
# shellcheck shell=bash

stop_everything() {
  # Only these two have something on disk that is kept, and without them nobody starts a container any more.
  stop_daemon buildkitd
  stop_daemon containerd
  remove_cgroups
}

unmount_everything() {
  local target
  findmnt --raw --noheadings --output TARGET | awk -v folder="$CLUSTER/" 'index($0, folder) == 1' | sort -r | while read -r target; do
    target=$(printf '%b' "$target") # findmnt escapes blanks
    umount "$target" 2>/dev/null || umount --lazy "$target" 2>/dev/null || true
  done
}

remove_network() {
  local interface set
  while service_rule delete 2>/dev/null; do :; done
  for interface in "$BRIDGE" "$NODE_BRIDGE"; do ip link delete "$interface" 2>/dev/null || true; done
  remove_rules iptables ip
  remove_rules ip6tables ip6
  for set in $(ipset list -name 2>/dev/null | grep -E '^(inet6:)?KUBE-' || true); do ipset destroy "$set" 2>/dev/null || true; done
}

# Drops the chains of kube-proxy, kube-router, the kubelet and the CNI plugins with every rule that names them; other rules stay.
remove_rules() { # iptables|ip6tables FAMILY
  local table rules content
  command -v "$1-save" >/dev/null || return 0
  rules=$("$1-save" --counters 2>/dev/null)
  if grep -qE 'KUBE-|CNI-' <<<"$rules"; then grep -vE 'KUBE-|CNI-' <<<"$rules" | "$1-restore" --counters; fi
  # iptables over nftables makes its tables at the first look; empty ones are dropped so that the machine is as before.
  "$1" --version | grep -q nf_tables || return 0
  for table in raw mangle nat filter security; do
    content=$(nft list table "$2" "$table" 2>/dev/null) || continue
    ! grep -vqE '^[[:space:]]*(#.*|table .*|chain .*|type .* policy accept;|\}|)$' <<<"$content" || continue
    nft delete table "$2" "$table" 2>/dev/null || true
  done
}

remove_traces_outside() { # what the programs write at places that no setting moves
  local socket folder
  for socket in /run/containerd/s/* /var/lib/kubelet/device-plugins/*.sock; do
    [ -S "$socket" ] || continue
    grep -q "$socket" /proc/net/unix || rm -f "$socket" # nobody listens: whoever made it is gone
  done
  grep -lrsF "$RUN/" /var/lib/cni/results | xargs --no-run-if-empty rm -f || true
  find /var/log/containers -lname "$RUN/*" -delete 2>/dev/null || true
  for folder in /run/containerd/{s,fifo,runc} /var/lib/cni/results /var/lib/kubelet/device-plugins /var/log/containers; do
    rmdir --ignore-fail-on-non-empty -p "$folder" 2>/dev/null || true
  done
}

tear_down() {
  stop_everything
  unmount_everything
  forget_pods
  remove_cgroups
  unmount_everything
  remove_network
  restore_sysctls
  remove_traces_outside
  rm -rf --one-file-system "$RUN"
}
