"""How Kopf's watches get their credentials: as the operator's own client does."""

from __future__ import annotations

import os
from typing import Any

import kopf


def log_in(registry: kopf.OperatorRegistry) -> None:
    """By KUBECONFIG or ~/.kube/config where there is one, else as the pod's ServiceAccount, whose token Kopf re-reads as it rotates."""

    @kopf.on.login(registry=registry)
    async def login(**arguments: Any) -> kopf.ConnectionInfo | None:
        if os.environ.get("KUBERNETES_SERVICE_HOST") and not os.environ.get("KUBECONFIG"):
            return kopf.login_with_service_account(**arguments)
        return kopf.login_with_kubeconfig(**arguments)
