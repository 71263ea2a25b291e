# containerd with runc, and the pods' network. Sourced after daemons.sh.
# shellcheck shell=bash

start_containerd() {
  local cri="" log=containerd
  if [ "${1:-}" = without-pods ]; then cri='"io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"' log=containerd-janitor; fi
  mkdir -p "$RUN" "$CONTAINERD_ROOT"
  cat >"$RUN/containerd.toml" <<TOML
version = 3
root = "$CONTAINERD_ROOT"
state = "$RUN/containerd"
disabled_plugins = [$cri]
[grpc]
  address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.internal.v1.opt"]
  path = "$RUN/opt"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$(image_reference pause)"
[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE, which this may run without, nobody may lower an OOM score, and no pod would start.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["${CNI_PLUGINS:-}"]
  conf_dir = "$RUN/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
    BinaryName = "$BIN/runc"
    Root = "$RUN/runc"
    SystemdCgroup = false
TOML
  # Its database outlives it, and would show the next one pods that are gone: `down` cleans it when it finds this file.
  touch "$CONTAINERD_ROOT/has-pods"
  start_daemon "$log" containerd --config "$RUN/containerd.toml"
  wait_for_daemon "$log" 30 ctr_here version
}

write_pod_network() {
  mkdir -p "$RUN/cni"
  cat >"$RUN/cni/10-moorage.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "moorage", "plugins": [
  {"type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$RUN/cni/addresses", "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  # A pod's packet to a service without endpoints keeps the service's address. kube-router accepts it before kube-proxy can reject it, and it would
  # leave the machine, where a stranger may answer.
  service_rule add
}

service_rule() { # add|delete
  ip rule "$1" iif "$BRIDGE" to "$SERVICE_CIDR" unreachable
}

# A crash leaves containers, sandboxes, leases and snapshots in containerd's database. Removing them there, while no pod runs, spares the
# next kubelet from taking them for its own. Images and their snapshots stay.
forget_pods() {
  local id
  [ -e "$CONTAINERD_ROOT/has-pods" ] || return 0
  [ -x "$BIN/containerd" ] || { rm -rf "$CONTAINERD_ROOT"; return 0; }
  make_cgroups
  start_containerd without-pods
  for id in $(ctr_here containers list --quiet); do ctr_here containers delete "$id" >/dev/null 2>&1 || true; done
  for id in $(ctr_here sandboxes list | awk 'NR > 1 { print $1 }'); do ctr_here sandboxes remove --force "$id" >/dev/null 2>&1 || true; done
  stop_daemon containerd-janitor
  rm -rf "$CONTAINERD_ROOT/io.containerd.grpc.v1.cri" "$CONTAINERD_ROOT/has-pods"
}
