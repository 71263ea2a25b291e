# etcd, API server, controller manager and scheduler. Sourced after daemons.sh and certificates.sh.
# shellcheck shell=bash

start_etcd() {
  # Nothing here outlives the machine, so that waiting for the disk would buy nothing.
  start_daemon etcd etcd --name "$NODE_NAME" --data-dir "$RUN/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "https://127.0.0.1:$ETCD_PORT" --advertise-client-urls "https://127.0.0.1:$ETCD_PORT" \
    --listen-peer-urls "http://127.0.0.1:$((ETCD_PORT + 1))" --initial-advertise-peer-urls "http://127.0.0.1:$((ETCD_PORT + 1))" \
    --initial-cluster "$NODE_NAME=http://127.0.0.1:$((ETCD_PORT + 1))" \
    --cert-file "$PKI/etcd.crt" --key-file "$PKI/etcd.key" --client-cert-auth --trusted-ca-file "$PKI/etcd-ca.crt"
}

start_api_server() {
  start_daemon kube-apiserver kube-apiserver \
    --etcd-servers "https://127.0.0.1:$ETCD_PORT" --etcd-cafile "$PKI/etcd-ca.crt" \
    --etcd-certfile "$PKI/etcd-client.crt" --etcd-keyfile "$PKI/etcd-client.key" \
    --bind-address "$NODE_IP" --advertise-address "$NODE_IP" --secure-port "$API_PORT" \
    --tls-cert-file "$PKI/kube-apiserver.crt" --tls-private-key-file "$PKI/kube-apiserver.key" \
    --client-ca-file "$PKI/cluster-ca.crt" --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --kubelet-certificate-authority "$PKI/cluster-ca.crt" --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$PKI/kubelet-client.crt" --kubelet-client-key "$PKI/kubelet-client.key" \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$PKI/service-accounts.pub" --service-account-signing-key-file "$PKI/service-accounts.key" \
    --service-cluster-ip-range "$SERVICE_CIDR" --allow-privileged=true --profiling=false
  wait_for_daemon kube-apiserver 90 kubectl_here get --raw /readyz
}

start_controllers() {
  start_daemon kube-controller-manager kube-controller-manager \
    --kubeconfig "$RUN/kubeconfigs/kube-controller-manager" --use-service-account-credentials=true --leader-elect=false \
    --service-account-private-key-file "$PKI/service-accounts.key" --root-ca-file "$PKI/cluster-ca.crt" \
    --cluster-signing-cert-file "$PKI/cluster-ca.crt" --cluster-signing-key-file "$PKI/cluster-ca.key" \
    --bind-address 127.0.0.1 --allocate-node-cidrs=false --flex-volume-plugin-dir "$RUN/flexvolume" --profiling=false
  start_daemon kube-scheduler kube-scheduler --kubeconfig "$RUN/kubeconfigs/kube-scheduler" --leader-elect=false --bind-address 127.0.0.1
}

start_control_plane() {
  start_etcd
  start_api_server
  kubectl_here create --filename "$HERE/manifests/components.yaml" >/dev/null
  start_controllers
}
