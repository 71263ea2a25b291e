# Kernel settings that a node needs or that its daemons change, and what they were before. Sourced after settings.sh.
# shellcheck shell=bash

changed_sysctls() {
  echo net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.ipv4.conf.all.route_localnet \
    vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes \
    net.netfilter.nf_conntrack_tcp_be_liberal net.netfilter.nf_conntrack_tcp_timeout_established net.netfilter.nf_conntrack_tcp_timeout_close_wait
}

save_sysctls() {
  local name
  for name in $(changed_sysctls); do
    sysctl "$name" 2>/dev/null || true
  done >"$RUN/sysctls-before"
}

set_sysctls() {
  sysctl -qw net.ipv4.ip_forward=1
  # Traffic between two pods crosses only the bridge, and meets NetworkPolicies only with this.
  sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || {
    modprobe br_netfilter 2>/dev/null && sysctl -qw net.bridge.bridge-nf-call-iptables=1
  } || die "up: the kernel has no br_netfilter, without which neither services nor network policies work between pods"
}

restore_sysctls() {
  [ ! -e "$RUN/sysctls-before" ] || sysctl -q --load "$RUN/sysctls-before" 2>/dev/null || true
}
