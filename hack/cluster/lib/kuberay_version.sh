# Which KubeRay is used: $KUBERAY_VERSION, else the newest of those under tools/ that Go's module proxy serves, for some hold new versions back.
# Its go.mod and go.sum stand in $KUBERAY_MODULE then. Sourced after settings.sh.
# shellcheck shell=bash

choose_kuberay() {
  local folder newest
  mkdir -p "$KUBERAY_MODULE"
  if [ -n "${KUBERAY_VERSION:-}" ]; then
    use_kuberay "$KUBERAY_VERSION" || die "KubeRay $KUBERAY_VERSION is not to be had from Go's module proxy; set KUBERAY_VERSION to another one, or unset it"
    return
  fi
  newest=$(module_version kuberay "$KUBERAY")
  for folder in $(pinned_kuberays); do
    if pin_kuberay "$folder" 2>/dev/null; then
      [ "$(kuberay_version)" = "$newest" ] || say "KubeRay $newest is not to be had from Go's module proxy; $(kuberay_version) is used"
      return
    fi
  done
  die "KubeRay is not to be had from Go's module proxy; is there a network? It was looked for in $(go env GOPROXY)"
}

pinned_kuberays() { # the newest first
  printf '%s\n' kuberay
  (cd "$HERE/tools" && printf '%s\n' kuberay-v*) | sort --version-sort --reverse
}

use_kuberay() { # VERSION; false where it is not to be had
  local folder
  for folder in $(pinned_kuberays); do
    if [ "$(module_version "$folder" "$KUBERAY")" = "$1" ]; then
      pin_kuberay "$folder"
      return
    fi
  done
  [ "$(kuberay_version 2>/dev/null)" = "$1" ] && return
  cp "$HERE"/tools/kuberay/go.* "$KUBERAY_MODULE/"
  (cd "$KUBERAY_MODULE" && go get -tool "$KUBERAY@$1" >/dev/null)
}

pin_kuberay() { # FOLDER under tools/; false where its version is not to be had
  (cd "$HERE/tools/$1" && go mod download "$KUBERAY") && cp "$HERE/tools/$1"/go.* "$KUBERAY_MODULE/"
}
