"""etcd, kube-apiserver and kube-controller-manager: the real ones, on the loopback interface, in a folder of their own."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path
from typing import Any

import yaml
from apiserver.api import Api
from apiserver.daemon import Daemon, free_port
from apiserver.eventually import eventually
from apiserver.programs import program

CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "clusterrole-aggregation-controller",
    "persistentvolumeclaim-protection-controller",
    "root-ca-certificate-publisher-controller",
)
"""Those whose work shows in tests without nodes."""


class ControlPlane:
    """A running control plane. Its state is gone at its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tokens = {"admin": secrets.token_hex(16), "controllers": secrets.token_hex(16)}
        self.authority = folder / "certificates/apiserver.crt"
        self.controllers: Daemon | None = None
        self.daemons: list[Daemon] = []
        try:
            self.server = self._start()
        except BaseException:
            self.stop()
            raise
        self.admin = Api(self.server, self.authority, self.tokens["admin"])
        self.kubeconfig = self.write_kubeconfig("admin", self.tokens["admin"])

    def _start(self) -> str:
        etcd_url, etcd_peer_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        etcd, kube_apiserver = program("etcd"), program("kube-apiserver")
        self._keys()
        self._run(
            "etcd", etcd, "--data-dir", self.folder / "etcd", "--unsafe-no-fsync", "--log-level", "warn",
            "--listen-client-urls", etcd_url, "--advertise-client-urls", etcd_url,
            "--listen-peer-urls", etcd_peer_url, "--initial-advertise-peer-urls", etcd_peer_url,
            "--initial-cluster", f"default={etcd_peer_url}",
        )  # fmt: skip
        port, key = free_port(), self.folder / "service-accounts.key"
        api_server = self._run(
            "kube-apiserver", kube_apiserver, "--etcd-servers", etcd_url, "--cert-dir", self.authority.parent,
            "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", port, "--endpoint-reconciler-type", "none",
            "--token-auth-file", self.folder / "tokens.csv", "--authorization-mode", "RBAC", "--anonymous-auth=false",
            "--enable-admission-plugins", "OwnerReferencesPermissionEnforcement",
            "--service-account-issuer", "https://kubernetes.default.svc.cluster.local", "--allow-privileged=true",
            "--service-account-key-file", key, "--service-account-signing-key-file", key,
            "--service-cluster-ip-range", "10.96.0.0/16", "--profiling=false", "--shutdown-delay-duration", "0s",
        )  # fmt: skip
        server = f"https://127.0.0.1:{port}"
        eventually(lambda: api_server.assert_running() and self._answers(server), 90, "the API server is ready")
        return server

    def _answers(self, server: str) -> bool:
        if not self.authority.exists():
            return False
        try:
            return Api(server, self.authority, self.tokens["admin"]).request("GET", "/readyz") == {"text": "ok"}
        except Exception:
            return False

    def _keys(self) -> None:
        key = self.folder / "service-accounts.key"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True, capture_output=True)
        lines = (f'{self.tokens["admin"]},admin,1,"system:masters"', f"{self.tokens['controllers']},system:kube-controller-manager,2")
        (self.folder / "tokens.csv").write_text("\n".join(lines) + "\n")

    def start_controllers(self) -> None:
        """Start kube-controller-manager, if it is not running. Raises Missing."""
        if self.controllers is not None:
            return
        self.controllers = self._run(
            "kube-controller-manager", program("kube-controller-manager"), "--leader-elect=false", "--controllers", ",".join(CONTROLLERS),
            "--kubeconfig", self.write_kubeconfig("controllers", self.tokens["controllers"]), "--use-service-account-credentials=true",
            "--service-account-private-key-file", self.folder / "service-accounts.key", "--root-ca-file", self.authority,
            "--bind-address", "127.0.0.1", "--secure-port", free_port(), "--profiling=false",
            "--cert-dir", self.folder / "controllers",
        )  # fmt: skip

    def account_token(self, namespace: str, name: str, audience: str | None = None) -> str:
        """A token of a ServiceAccount by TokenRequest, as the kubelet asks for one."""
        spec = {"expirationSeconds": 3600, **({"audiences": [audience]} if audience else {})}
        answer = self.admin.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", {"spec": spec})
        return str(answer["status"]["token"])

    def write_kubeconfig(self, name: str, token: str, server: str = "") -> Path:
        """A kubeconfig for a token; `server` where requests go through something else."""
        cluster = {"server": server or self.server, "certificate-authority": str(self.authority)}
        content: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": name}}],
            "current-context": "tests",
        }
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump(content))
        return path

    def kubectl(self, *arguments: str | Path, stdin: str = "", code: int = 0) -> str:
        """Run kubectl as the admin; its output, with what it says on stderr if it is to fail."""
        return self.run(program("kubectl"), *arguments, stdin=stdin, code=code)

    def run(self, *command: str | Path, stdin: str = "", code: int = 0) -> str:
        """Run a client program on this API server."""
        environment = {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), "PATH": "/usr/bin:/bin"}
        done = subprocess.run([str(c) for c in command], input=stdin, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stdout + done.stderr

    def stop(self) -> None:
        """End everything; the state is worth nothing, so nothing is asked to save it."""
        for daemon in reversed(self.daemons):
            daemon.kill()

    def _run(self, name: str, *command: object) -> Daemon:
        # Memory is at hand, and a quarter of the API server's time would go into collecting garbage.
        daemon = Daemon(name, [str(part) for part in command], self.folder / f"{name}.log", {"GOGC": "300"})
        self.daemons.append(daemon)
        return daemon
