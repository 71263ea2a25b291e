"""The API server, as far as a run needs it: one ConfigMap is read, one is patched, by the pod's ServiceAccount.

ApiServerError          (Unavailable) the root: nothing that a run must end for
├── NotThere            404: the object, or its namespace, is gone
├── NotAllowed          401, 403: the token is not taken, or its role does not allow it
└── Unreachable         the network, TLS, a timeout, or an answer that is none
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from moorage_api.errors import InvalidInput, Problem, Unavailable

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ADDRESS_VARIABLE = "MOORAGE_API_SERVER"
"""`http://HOST:PORT` or `https://HOST:PORT`, in place of the address that Kubernetes gives every container."""
ACCOUNT_VARIABLE = "MOORAGE_SERVICE_ACCOUNT"
"""The folder of `token` and `ca.crt`, in place of where Kubernetes mounts it."""
TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024


class ApiServerError(Unavailable):
    """The API server did not do what it was asked for."""


class NotThere(ApiServerError):
    """404."""


class NotAllowed(ApiServerError):
    """401 or 403."""


class Unreachable(ApiServerError):
    """There was no answer to speak of."""


@dataclass(frozen=True)
class ApiServer:
    """Where it is, and the folder whose `token` and `ca.crt` are read anew for every request, since Kubernetes replaces them."""

    address: str
    account: Path

    @classmethod
    def of_this_pod(cls) -> ApiServer:
        """From the environment. Raises InvalidInput outside a pod."""
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        address = os.environ.get(ADDRESS_VARIABLE) or (host and f"https://{f'[{host}]' if ':' in host else host}:{port}")
        if not address:
            problem = Problem("not in a pod: KUBERNETES_SERVICE_HOST is not set", "API server", remedy="use `python -m moorage_training`")
            raise InvalidInput(problem)
        return cls(address, Path(os.environ.get(ACCOUNT_VARIABLE) or SERVICE_ACCOUNT))

    def get_config_map(self, namespace: str, name: str) -> dict[str, str]:
        """Its `data`. Raises ApiServerError."""
        found = self._ask("GET", namespace, name).get("data")
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def patch_config_map(self, namespace: str, name: str, data: dict[str, str]) -> None:
        """Set these keys of its `data`, leaving others as they are. Raises ApiServerError."""
        self._ask("PATCH", namespace, name, {"data": data})

    def _ask(self, method: str, namespace: str, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        where = f"ConfigMap {namespace}/{name}"
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps/{quote(name, safe='')}"
        try:
            status, content = self._exchange(method, path, None if body is None else json.dumps(body).encode())
            answer = json.loads(content)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(Problem(f"no answer: {error or type(error).__name__}", f"{where} at {self.address}")) from error
        if not isinstance(answer, dict):
            raise Unreachable(Problem("the answer is no object", f"{where} at {self.address}"))
        if status < 300:
            return answer
        kind = {401: NotAllowed, 403: NotAllowed, 404: NotThere}.get(status, ApiServerError)
        raise kind(Problem(f"{status} {answer.get('message', '')}".strip()[:300], where))

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Neither a proxy nor a redirect is followed: the token is for the API server alone."""
        parts = urlsplit(self.address)
        if parts.scheme == "http":
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        else:
            trusted = ssl.create_default_context(cafile=str(self.account / "ca.crt"))
            connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS, context=trusted)
        headers = {"Accept": "application/json", "Authorization": f"Bearer {(self.account / 'token').read_text().strip()}"}
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(MAX_ANSWER_BYTES)
        finally:
            connection.close()
