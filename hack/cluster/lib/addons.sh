# What runs inside the cluster for everyone: DNS, storage and KubeRay. Sourced after images.sh.
# shellcheck shell=bash

create_from() { # FILE: with the few values that depend on the machine filled in
  sed -e "s|@DNS_ADDRESS@|$SERVICE_PREFIX.10|; s|@VOLUMES@|$RUN/volumes|; s|@BASE_IMAGE@|$BASE_IMAGE|" \
    -e "s|@COREDNS_IMAGE@|$(image_reference coredns)|; s|@STORAGE_IMAGE@|$(image_reference local-path-provisioner)|" "$1" |
    kubectl_here create --filename - >/dev/null
}

# KubeRay's manifests come from its own module, so that CRDs, permissions and program are of one version. Kustomize takes seconds over its CRDs of
# 4 MB, hence the file that is kept.
render_kuberay() { # prints the file's path
  local module folder rendered version
  version=$(kuberay_version)
  rendered=$IMAGES/kuberay-$version-$(sha256sum <"$HERE/manifests/kuberay.yaml" | cut -c1-12).yaml
  if [ ! -e "$rendered" ]; then
    module=$(cd "$KUBERAY_MODULE" && go list -m -f '{{.Dir}}' "$KUBERAY")
    folder=$(mktemp -d)
    cp -r --no-preserve=mode "$module/config" "$folder/config"
    sed "s|@VERSION@|$version|" "$HERE/manifests/kuberay.yaml" >"$folder/kustomization.yaml"
    kubectl kustomize "$folder" >"$rendered.new"
    mv "$rendered.new" "$rendered"
    rm -rf "$folder"
  fi
  echo "$rendered"
}

apply_addons() {
  mkdir -p "$RUN/volumes"
  create_from "$HERE/manifests/dns.yaml"
  create_from "$HERE/manifests/storage.yaml"
  kubectl_here create namespace kuberay-system >/dev/null
  kubectl_here create --filename "$(render_kuberay)" >/dev/null
}

wait_for_addons() {
  local namespace deployment
  # Without it the API server refuses every pod.
  eventually 60 kubectl_here get serviceaccount default || die "up: no default ServiceAccount was made; see $RUN/logs/kube-controller-manager.log"
  while read -r namespace deployment; do
    kubectl_here --namespace "$namespace" rollout status "deployment/$deployment" --timeout 120s >/dev/null 2>&1 ||
      die "up: $deployment does not get ready; look with: kubectl --kubeconfig $OUR_KUBECONFIG --namespace $namespace describe pods"
  done <<'TABLE'
kube-system coredns
local-path-storage local-path-provisioner
kuberay-system kuberay-operator
TABLE
}
