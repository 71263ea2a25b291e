"""The way to Kubernetes' API server: as the pod's own ServiceAccount, or by a kubeconfig."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_api.yaml_documents import NotYaml, read_yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class ApiServer:
    """Where it is and how it knows us. token_file is re-read at each use: the kubelet replaces the pod's token."""

    url: str
    tls: ssl.SSLContext
    token: str | None = None
    token_file: Path | None = None

    def headers(self) -> dict[str, str]:
        """The Authorization header, if there is a token. Raises Unavailable."""
        token = self.token
        if self.token_file is not None:
            try:
                token = self.token_file.read_text(encoding="ascii").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise Unavailable(Problem(f"cannot be read: {error}", str(self.token_file))) from None
        return {"Authorization": f"Bearer {token}"} if token else {}


def in_cluster(folder: Path = SERVICE_ACCOUNT) -> ApiServer:
    """As the pod that this runs in. Raises Unavailable outside of a pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        fix = "run in a pod, or set kubeconfig, or authentication: Static"
        raise Unavailable(Problem("there is no API server here that could review tokens", "", "authentication", "TokenReview", fix))
    address = f"[{host}]" if ":" in host else host
    try:
        tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(Problem(f"the API server's CA cannot be read: {error}", str(folder / "ca.crt"))) from None
    return ApiServer(f"https://{address}:{port}", tls, token_file=folder / "token")


def by_kubeconfig(path: Path) -> ApiServer:
    """The current context of a kubeconfig: a token, a token file or a client certificate. Raises InvalidInput, Unavailable."""
    try:
        (config,) = read_yaml(path.read_text(encoding="utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        tls = _tls(cluster, user, path.parent)
        url, token, token_file = str(cluster["server"]).rstrip("/"), user.get("token"), user.get("tokenFile")
    except (OSError, UnicodeDecodeError, ssl.SSLError) as error:
        raise Unavailable(Problem(f"cannot be read: {error}", str(path), "kubeconfig")) from None
    except (KeyError, TypeError, ValueError, AttributeError, NotYaml) as error:
        name = type(error).__name__
        fix = "it needs a current context with a server and a token or client certificate; exec plugins are not supported"
        raise InvalidInput(Problem(f"not a kubeconfig ({name})", str(path), "kubeconfig", remedy=fix)) from None
    return ApiServer(url, tls, token, path.parent / token_file if token_file else None)


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return {item["name"]: item for item in items}[name]


def _tls(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> ssl.SSLContext:
    authority, authority_file = cluster.get("certificate-authority-data"), cluster.get("certificate-authority")
    tls = ssl.create_default_context(
        cafile=str(folder / authority_file) if authority_file else None,
        cadata=base64.b64decode(authority).decode("ascii") if authority else None,
    )
    if cluster.get("insecure-skip-tls-verify"):
        raise ValueError("an API server that is not verified can let anybody in")
    certificate, key = (_file(user, f"client-{kind}", folder) for kind in ("certificate", "key"))
    if certificate is not None and key is not None:
        try:
            tls.load_cert_chain(certificate[0], key[0])
        finally:
            for file, is_copy in (certificate, key):
                if is_copy:
                    file.unlink()
    return tls


def _file(user: dict[str, Any], name: str, folder: Path) -> tuple[Path, bool] | None:
    """Where a certificate lies, and whether that is a copy: the ssl module reads files only."""
    if name in user:
        return folder / user[name], False
    if f"{name}-data" not in user:
        return None
    descriptor, copy = tempfile.mkstemp()
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64decode(user[f"{name}-data"]))
    return Path(copy), True
