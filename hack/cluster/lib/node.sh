# kubelet, kube-proxy and the controller that enforces NetworkPolicies: the machine as a Kubernetes node. Sourced after runtime.sh.
# shellcheck shell=bash

node_resolver() { # a stub resolver on loopback is not reachable from pods
  if [ -e /run/systemd/resolve/resolv.conf ]; then echo /run/systemd/resolve/resolv.conf; else echo /etc/resolv.conf; fi
}

start_kubelet() {
  mkdir -p "$RUN/kubelet"
  cat >"$RUN/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/cluster-ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-server.crt
tlsPrivateKeyFile: $PKI/kubelet-server.key
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
clusterDNS: [$SERVICE_PREFIX.10]
clusterDomain: cluster.local
resolvConf: $(node_resolver)
maxPods: 110
podLogsDir: $RUN/logs/pods
volumePluginDir: $RUN/flexvolume
serializeImagePulls: false
# Images cannot be pulled again: they are built here. So none is ever collected, and a filling disk evicts nothing.
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%, imagefs.inodesFree: 0%}
evictionPressureTransitionPeriod: 10s
YAML
  start_daemon kubelet kubelet --config "$RUN/kubelet.yaml" --kubeconfig "$RUN/kubeconfigs/kubelet" --root-dir "$RUN/kubelet" \
    --cert-dir "$RUN/kubelet/pki" --hostname-override "$NODE_NAME" --node-ip "$NODE_IP"
}

start_kube_proxy() {
  cat >"$RUN/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $RUN/kubeconfigs/kube-proxy}
mode: iptables
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE_NAME
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
oomScoreAdj: 0
conntrack: {maxPerCore: 0} # the machine's own limit stays
YAML
  start_daemon kube-proxy kube-proxy --config "$RUN/kube-proxy.yaml"
}

start_network_policies() {
  start_daemon network-policies network-policies -kubeconfig "$RUN/kubeconfigs/network-policies" -node "$NODE_NAME" -service-cidr "$SERVICE_CIDR"
}

node_is_ready() {
  [ "$(kubectl_here get node "$NODE_NAME" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}

start_node() {
  start_kubelet
  wait_for_daemon kubelet 60 node_is_ready
  start_kube_proxy
  start_network_policies
}
