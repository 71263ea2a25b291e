"""Values that platform teams give, by a name for each; all of them have to render to what an API server takes."""

from __future__ import annotations

from typing import Any

GPU_POOLS: dict[str, Any] = {
    "default": {},
    "a100": {
        "nodeSelector": {"cloud.example.com/gpu": "a100"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "gpuResourceName": "nvidia.com/gpu",
        "hourlyPrice": "2.40",
        "runtimeClassName": "nvidia",
    },
    "spot": {"nodeSelector": {"cloud.example.com/spot": "true"}, "hourlyPrice": "0.012", "cpuRequestFraction": 0.5},
}

VALUE_SETS: dict[str, dict[str, Any]] = {
    "default": {},
    "postgresql": {"ledger": {"postgresql": {"existingSecret": "moorage-postgresql", "key": "url"}}},
    "existing-claim": {"ledger": {"persistence": {"existingClaim": "ledger-data"}}},
    "kuberay": {"kuberay": {"enabled": True, "batchScheduler": "volcano", "featureGates": {"RayClusterStatusConditions": True}}},
    "kuberay-elsewhere": {"kuberay": {"enabled": True, "namespace": "ray-system", "watchNamespaces": ["team-a", "team-b"]}},
    "watched-namespaces": {"watchNamespaces": ["team-a", "team-b"]},
    "gpu-pools": {"nodePools": GPU_POOLS},
    "nothing-optional": {
        "crds": {"install": False},
        "rbac": {"create": False},
        "adminServiceAccount": {"create": False},
        "networkPolicy": {"enabled": False},
        "monitoring": {"enabled": False},
        "uninstall": {"check": False},
    },
    "everything": {
        "fullnameOverride": "ml",
        "commonLabels": {"team": "platform"},
        "watchNamespaces": ["default", "team-a"],
        "images": {
            "operator": {"repository": "registry.example.com/moorage/operator", "digest": "sha256:" + "a" * 64, "pullPolicy": "Always"},
            "runtime": {"repository": "registry.example.com:5000/moorage/runtime", "tag": "1.2.3", "pullSecrets": ["registry"]},
            "pullSecrets": ["registry"],
        },
        "operator": {
            "workers": 32,
            "driftSeconds": 300.5,
            "priorityClassName": "system-cluster-critical",
            "nodeSelector": {"pool": "system"},
            "tolerations": [{"key": "system", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "podAnnotations": {"example.com/a": "b"},
            "podLabels": {"example.com/c": "d"},
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}],
            "serviceAccountAnnotations": {"example.com/role": "operator"},
        },
        "workloads": {
            "queueSystem": "Volcano",
            "head": {"cpus": 0.5, "memory": "2Gi"},
            "storage": {"storageClassName": "nfs", "size": "1Ti"},
        },
        "nodePools": GPU_POOLS,
        "ledger": {
            "audience": "ledger.example.com",
            "administrators": ["oidc:alice", "system:serviceaccount:finance:reports"],
            "persistence": {"size": "50Gi", "storageClassName": "ssd"},
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "serviceAccountAnnotations": {"example.com/role": "ledger"},
        },
        "adminServiceAccount": {"annotations": {"example.com/owner": "platform"}},
        "rbac": {"aggregateToDefaultRoles": False, "datasetsWrittenBy": "admin"},
        "networkPolicy": {"ledgerClientNamespaces": ["finance"]},
        "monitoring": {
            "namespace": "observability",
            "labels": {"release": "kube-prometheus-stack"},
            "dashboards": {"namespace": "observability", "annotations": {"grafana_folder": "Moorage"}},
        },
        "kuberay": {
            "enabled": True,
            "image": {"digest": "sha256:" + "b" * 64, "pullSecrets": ["registry"]},
            "podLabels": {"example.com/e": "f"},
            "podAnnotations": {"example.com/g": "h"},
            "extraEnv": [{"name": "CLUSTER_DOMAIN", "value": "cluster.example"}],
        },
        "uninstall": {"force": True},
    },
}
