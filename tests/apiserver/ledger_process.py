"""A real ledger's service beside the API server, which reviews the tokens that it is shown."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import yaml
from apiserver.chart import ADMINISTRATOR, LEDGER, NAMESPACE, OPERATOR
from apiserver.control_plane import ControlPlane
from apiserver.daemon import Daemon, free_port
from apiserver.eventually import eventually

from moorage_billing.ledger import Ledger
from moorage_billing.remote import RemoteLedger

AUDIENCE = "moorage-ledger"


class LedgerProcess:
    """`python -m moorage_billing.service` with a database of its own, as the chart's ServiceAccount."""

    def __init__(self, control_plane: ControlPlane, folder: Path) -> None:
        port, database = free_port(), folder / "ledger.db"
        self.url = f"http://127.0.0.1:{port}"
        self.database_url = f"sqlite:///{database}"
        self.operator_token = folder / "operator-token"
        self.operator_token.write_text(control_plane.account_token(NAMESPACE, OPERATOR, AUDIENCE))
        self.as_operator = RemoteLedger(self.url, token_file=self.operator_token)
        self.as_administrator = RemoteLedger(self.url, token=control_plane.account_token(NAMESPACE, ADMINISTRATOR, AUDIENCE))
        config = folder / "ledger.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "host": "127.0.0.1",
                    "port": port,
                    "ledger": self.database_url,
                    "audience": AUDIENCE,
                    "operator": f"system:serviceaccount:{NAMESPACE}:{OPERATOR}",
                    "administrators": [f"system:serviceaccount:{NAMESPACE}:{ADMINISTRATOR}"],
                    "kubeconfig": str(control_plane.write_kubeconfig("ledger", control_plane.account_token(NAMESPACE, LEDGER))),
                }
            )
        )
        self._command = [sys.executable, "-m", "moorage_billing.service", "--config", config]
        self._log = folder / "ledger.log"
        self.start()

    def start(self) -> None:
        """Start it (again) and wait until it is ready."""
        self.daemon = Daemon("ledger", self._command, self._log)
        eventually(lambda: self.daemon.assert_running() and self._is_ready(), 60, "the ledger is ready")

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self.daemon.kill()

    def events(self) -> Ledger:
        """What is in the database, read past the service."""
        return Ledger(self.database_url)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False
