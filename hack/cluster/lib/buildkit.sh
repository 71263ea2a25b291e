# BuildKit on the cluster's own containerd: an image that it builds is at once there for pods, without a registry, an export or an import.
# Sourced after daemons.sh.
# shellcheck shell=bash

start_buildkit() {
  mkdir -p "$BUILDKIT_ROOT"
  cat >"$RUN/buildkitd.toml" <<TOML
root = "$BUILDKIT_ROOT"
[grpc]
  address = ["unix://$BUILDKIT_SOCKET"]
[worker.oci]
  enabled = false
[worker.containerd]
  enabled = true
  address = "$CONTAINERD_SOCKET"
  namespace = "k8s.io" # the one that the kubelet's images are in
  snapshotter = "overlayfs"
  networkMode = "host" # steps of a build download packages, and need nothing of a network of their own
  defaultCgroupParent = "$CGROUP/builds"
  gc = true
  # The defaults are shares of the disk. This holds one build of both images, 22 GB, and drops earlier ones.
  reservedSpace = "16GB"
  maxUsedSpace = "24GB"
  [worker.containerd.runtime]
    name = "io.containerd.runc.v2"
    options = { BinaryName = "$BIN/runc", Root = "$RUN/runc" }
TOML
  daemon_lives buildkitd || start_daemon buildkitd buildkitd --config "$RUN/buildkitd.toml"
  wait_for_daemon buildkitd 30 buildctl --addr "unix://$BUILDKIT_SOCKET" debug workers
}

build_with_buildkit() { # NAME
  local base ca=()
  base=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' "$IMAGES/debian/index.json")
  [ -z "$CA_BUNDLE" ] || ca=(--secret "id=ca,src=$CA_BUNDLE")
  # Layers stay uncompressed: they never leave this machine, and compressing 6 GB takes minutes. The image gets its real name only when it is
  # unpacked: containers that start before would each unpack it for themselves, 6 GB at a time.
  buildctl --addr "unix://$BUILDKIT_SOCKET" build --progress plain --frontend dockerfile.v0 \
    --local "context=$REPOSITORY" --local "dockerfile=$REPOSITORY/images/$1" "${ca[@]}" \
    --opt "build-arg:UV_VERSION=$UV_VERSION" \
    --oci-layout "base=$IMAGES/debian" --opt "context:debian:bookworm-slim=oci-layout://base@$base" \
    --output "type=image,name=docker.io/moorage/$1:unpacking,unpack=true,compression=uncompressed,oci-mediatypes=true"
  ctr_here images tag --force "docker.io/moorage/$1:unpacking" "docker.io/moorage/$1:dev"
  ctr_here images label "docker.io/moorage/$1:dev" io.cri-containerd.pinned=pinned
  ctr_here images delete "docker.io/moorage/$1:unpacking"
}

# BuildKit collects in the background, but it is stopped after each build.
prune_buildkit() { buildctl --addr "unix://$BUILDKIT_SOCKET" prune --keep-storage 24000 >/dev/null; }

check_disk() {
  local free_gb
  [ -z "$(ctr_here images list --quiet name==docker.io/moorage/runtime:dev)" ] || return 0
  free_gb=$(df --output=avail --block-size=1G "$CLUSTER" | tail -n 1)
  [ "$free_gb" -ge 28 ] || die "build-images: 28 GB of disk are needed for the first build of the runtime image, $free_gb GB are free at $CLUSTER"
}
