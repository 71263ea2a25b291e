"""The home: the one folder that holds everything that the embedded engine knows, and the name of each thing in it.

objects/KIND/NAMESPACE/NAME.json   resources with uid, generation, status
ledger.db                          usage and privacy, append-only
access_policy.json                 tenants' API keys (as SHA-256) and rate limits, read by the replicas
runs/UID/GENERATION/book.json      what the engine remembers of a TrainingJob's run
runs/UID/GENERATION/ROUND/         the run itself: config, report, checkpoints, log
artifacts/NAMESPACE/NAME/          exported models
services/UID/                      a ModelService's outbox, and which model it has
serving/                           the serving host's config, status and log
logs/                              tracebacks of unexpected errors
lock                               held by the `moorage run` that is alive
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from moorage_api.errors import InvalidInput, Problem
from moorage_cli.durable_file import private_folder

DEFAULT_HOME = Path(".moorage")


@dataclass(frozen=True)
class Home:
    """Paths below one home; `root` is absolute."""

    root: Path

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def ledger_url(self) -> str:
        """The ledger's SQLAlchemy URL."""
        return f"sqlite:///{self.root / 'ledger.db'}"

    @property
    def access_policy(self) -> Path:
        return self.root / "access_policy.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def serving(self) -> Path:
        return self.root / "serving"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def runs(self, uid: str) -> Path:
        """All runs of a TrainingJob, a folder for each generation."""
        return self.root / "runs" / uid

    def run_folder(self, uid: str, generation: int) -> Path:
        return self.runs(uid) / str(generation)

    def artifacts(self, namespace: str, name: str) -> Path:
        return self.root / "artifacts" / namespace / name

    def service_folder(self, uid: str) -> Path:
        return self.root / "services" / uid

    def outbox(self, uid: str) -> Path:
        return self.service_folder(uid) / "outbox"

    def outboxes(self) -> list[Path]:
        """Every ModelService's outbox, those of deleted ones included."""
        return sorted(p for p in (self.root / "services").glob("*/outbox") if p.is_dir())


def open_home(path: Path) -> Home:
    """The home at `path`, created with mode 0700 if it is new.

    Raises InvalidInput if something else lies there, Unavailable if it cannot be created.
    """
    root = path.expanduser().absolute()
    if root.exists() and not root.is_dir():
        raise InvalidInput(Problem("not a folder", str(root), "--home", remedy="name a folder"))
    return Home(private_folder(root))
