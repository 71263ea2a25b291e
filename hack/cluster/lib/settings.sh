# Settings that every script of hack/cluster shares. Sourced, never run.
# shellcheck shell=bash disable=SC2034 # used by those who source it
set -o errtrace
trap 'echo "cluster: unexpected failure at $(basename "${BASH_SOURCE[0]}"):$LINENO: $BASH_COMMAND" >&2' ERR
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPOSITORY=$(cd "$HERE/../.." && pwd)
CACHE=${CACHE:-$HOME/.cache/moorage}
CLUSTER=$CACHE/cluster
BIN=$CLUSTER/bin               # the programs; kept by `down`
IMAGES=$CLUSTER/images         # base and add-on images; kept by `down`
CONTAINERD_ROOT=$CLUSTER/containerd # images' content and snapshots; kept by `down`
BUILDKIT_ROOT=$CLUSTER/buildkit     # the build cache; kept by `down`
RUN=$CLUSTER/run               # everything else that a running cluster has on disk; removed by `down`
OUR_KUBECONFIG=$RUN/kubeconfig

NODE_NAME=${NODE_NAME:-moorage-node}
POD_CIDR=${POD_CIDR:-10.244.0.0/16}
SERVICE_CIDR=${SERVICE_CIDR:-10.96.0.0/16}
SERVICE_PREFIX=${SERVICE_CIDR%.*} # the API server has .1 of it, DNS .10
API_PORT=${API_PORT:-6443}
ETCD_PORT=${ETCD_PORT:-2379}
BRIDGE=moorage0
NODE_BRIDGE=moorage-node       # has the node's address where no interface of the machine has one
NODE_BRIDGE_ADDRESS=${NODE_BRIDGE_ADDRESS:-172.30.255.1}
CGROUP=${CGROUP:-moorage-cluster} # every process of the cluster is below it, so that none is missed at the end
CONTAINERD_SOCKET=$RUN/containerd.sock
BUILDKIT_SOCKET=$RUN/buildkitd.sock

BASE_IMAGE=docker.io/library/debian:bookworm-slim
KUBERAY=github.com/ray-project/kuberay/ray-operator
KUBERAY_MODULE=$CLUSTER/modules/kuberay # requires the version that build-tools chose
export PATH=$BIN:$PATH CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 # of cgroup v1, at each call

say() { # TEXT [START]: one line a step; with its seconds when START, the value of SECONDS at its start, is given
  local took=""
  [ $# -lt 2 ] || took=" ($((SECONDS - $2)) s)"
  echo "cluster: $1$took"
}

die() { # TEXT
  echo "cluster: $1" >&2
  exit 1
}

eventually() { # SECONDS COMMAND...: until the command succeeds; false after that many seconds
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.3
  done
}

required_version() { # MODULE_FOLDER MODULE: the version that its go.mod requires
  awk -v module="$2" '{ sub(/^require /, "") } $1 == module && $2 ~ /^v/ { print $2; exit }' "$1/go.mod"
}

module_version() { required_version "$HERE/tools/$1" "$2"; } # TOOL MODULE
kuberay_version() { required_version "$KUBERAY_MODULE" "$KUBERAY"; }

kubectl_here() { kubectl --kubeconfig "$OUR_KUBECONFIG" "$@"; }
ctr_here() { ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"; }
