# The cluster's certificates and kubeconfigs, new at every start, below $RUN/pki and $RUN/kubeconfigs. Sourced after settings.sh.
# Etcd has a CA of its own, or every holder of a cluster certificate could read and write all objects past the API server.
# shellcheck shell=bash

PKI=$RUN/pki

make_ca() { # NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=moorage-$1-ca" \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$PKI/$1-ca.key" -out "$PKI/$1-ca.crt" 2>/dev/null
}

issue() { # CA NAME SUBJECT [SUBJECT_ALT_NAMES]: with names the certificate serves them, without it is a client's only
  local ca=$1 name=$2 subject=$3 names=${4:-} usage=clientAuth
  [ -z "$names" ] || usage=serverAuth,clientAuth
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" -keyout "$PKI/$name.key" 2>/dev/null |
    openssl x509 -req -days 365 -CA "$PKI/$ca-ca.crt" -CAkey "$PKI/$ca-ca.key" -CAcreateserial -out "$PKI/$name.crt" -extfile <(
      echo "basicConstraints=critical,CA:false"
      echo "keyUsage=critical,digitalSignature"
      echo "extendedKeyUsage=$usage"
      [ -z "$names" ] || echo "subjectAltName=$names"
    ) 2>/dev/null
}

write_kubeconfig() { # FILE CERTIFICATE: with everything inside, so that a copy of the file works
  local ca certificate key
  ca=$(base64 -w0 "$PKI/cluster-ca.crt") certificate=$(base64 -w0 "$PKI/$2.crt") key=$(base64 -w0 "$PKI/$2.key")
  cat >"$1" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: moorage, cluster: {server: "https://$NODE_IP:$API_PORT", certificate-authority-data: $ca}}]
users: [{name: $2, user: {client-certificate-data: $certificate, client-key-data: $key}}]
contexts: [{name: moorage, context: {cluster: moorage, user: $2}}]
current-context: moorage
YAML
}

make_certificates() {
  local who
  umask 077
  mkdir -p "$PKI" "$RUN/kubeconfigs"
  make_ca cluster
  make_ca etcd
  openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/service-accounts.key"
  openssl ec -in "$PKI/service-accounts.key" -pubout -out "$PKI/service-accounts.pub" 2>/dev/null

  issue etcd etcd "/CN=etcd" "IP:127.0.0.1,DNS:localhost"
  issue etcd etcd-client "/CN=kube-apiserver"
  issue cluster kube-apiserver "/CN=kube-apiserver" "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:$SERVICE_PREFIX.1,IP:$NODE_IP"
  issue cluster kubelet-server "/O=system:nodes/CN=system:node:$NODE_NAME" "DNS:$NODE_NAME,IP:$NODE_IP"
  issue cluster kubelet-client "/CN=kube-apiserver-kubelet-client" # the API server towards the kubelet

  issue cluster admin "/O=system:masters/CN=admin"
  issue cluster kubelet "/O=system:nodes/CN=system:node:$NODE_NAME"
  for who in kube-controller-manager kube-scheduler kube-proxy; do issue cluster "$who" "/CN=system:$who"; done
  issue cluster network-policies "/CN=moorage:network-policies"
  for who in kubelet kube-controller-manager kube-scheduler kube-proxy network-policies; do write_kubeconfig "$RUN/kubeconfigs/$who" "$who"; done
  write_kubeconfig "$OUR_KUBECONFIG" admin
  umask 022
}
