# The images that the cluster itself needs, made on this machine, since no container registry may be at hand: one static program each, and
# the Debian base that the project's Dockerfiles and the storage's helper start from. Sourced after settings.sh.
# shellcheck shell=bash

image_reference() { # NAME
  case $1 in
    pause) echo docker.io/moorage/pause:1 ;;
    coredns) echo "docker.io/moorage/coredns:$(module_version coredns github.com/coredns/coredns)" ;;
    local-path-provisioner) echo "docker.io/moorage/local-path-provisioner:$(module_version local-path github.com/rancher/local-path-provisioner)" ;;
    kuberay-operator) echo "docker.io/moorage/kuberay-operator:$(kuberay_version)" ;;
    debian) echo "$BASE_IMAGE" ;;
  esac
}

make_program_image() { # NAME PATH_IN_THE_IMAGE
  local name=$1 path=$2 folder
  [ "$(cat "$IMAGES/$name.key" 2>/dev/null)" != "$(cat "$BIN/.$name.key")" ] || return 0
  folder=$(mktemp -d)
  mkdir -p "$IMAGES" "$folder/root/tmp" "$folder/root/etc"
  chmod 1777 "$folder/root/tmp"
  cp "$BIN/$name" "$folder/root/$path"
  tar -C "$folder/root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$folder/layer.tar" .
  python3 "$HERE/oci_image.py" "$IMAGES/$name" "$(image_reference "$name")" \
    "{\"Entrypoint\": [\"/$path\"], \"User\": \"65532:65532\", \"WorkingDir\": \"/\"}" "$folder/layer.tar"
  cp "$BIN/.$name.key" "$IMAGES/$name.key"
  rm -rf "$folder"
}

make_base_image() {
  local folder start=$SECONDS
  [ -e "$IMAGES/debian.key" ] && return 0
  folder=$(mktemp -d "$CLUSTER/debootstrap.XXXXXX") # not in /tmp, which may be mounted without devices
  mkdir -p "$IMAGES"
  debootstrap --variant=minbase bookworm "$folder/root" >"$folder/log" 2>&1 ||
    die "up: debootstrap could not make the Debian base image: $(tail -n 1 "$folder/log")"
  rm -rf "$folder"/root/var/cache/apt/* "$folder"/root/var/lib/apt/lists/* "$folder"/root/var/log/*.log \
    "$folder"/root/usr/share/{doc,man,info,locale}/*
  # The same settings as the published image: no suggestions, no caches, so that layers stay small.
  printf 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n' >"$folder/root/etc/apt/apt.conf.d/90slim"
  rm -f "$folder/root/etc/resolv.conf" "$folder/root/etc/hostname"
  tar -C "$folder/root" --sort=name --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -cf "$folder/layer.tar" .
  python3 "$HERE/oci_image.py" "$IMAGES/debian" "$BASE_IMAGE" '{"Cmd": ["bash"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}' \
    "$folder/layer.tar"
  sha256sum <"$IMAGES/debian/index.json" | cut -d' ' -f1 >"$IMAGES/debian.key"
  rm -rf "$folder"
  say "made the Debian base image" "$start"
}

make_images() {
  make_program_image pause pause
  make_program_image coredns coredns
  make_program_image local-path-provisioner local-path-provisioner
  make_program_image kuberay-operator manager # the name that KubeRay's own manifests start
  make_base_image
}

import_images() {
  local name reference key
  for name in pause coredns local-path-provisioner kuberay-operator debian; do
    reference=$(image_reference "$name") key=$(cat "$IMAGES/$name.key")
    [ -z "$(ctr_here images list --quiet "name==$reference,labels.\"moorage.key\"==$key")" ] || continue
    tar -C "$IMAGES/$name" -c . | ctr_here images import - >/dev/null || die "up: containerd did not take the image $reference"
    # Pinned: a kubelet that runs short of disk removes images, and these cannot be pulled again.
    ctr_here images label "$reference" "moorage.key=$key" io.cri-containerd.pinned=pinned >/dev/null
  done
}
