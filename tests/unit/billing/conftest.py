"""A real PostgreSQL server for the tests that need one: its programs must be installed, everything else is made and removed here."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_DEADLINE_SECONDS = 120


@dataclass
class PostgreSql:
    """A server of this test run's own, on a loopback port."""

    programs: Path
    folder: Path
    port: int
    user: list[str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it takes connections."""
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"]
        place = ["-D", str(self.folder / "data"), "-k", str(self.folder), "-p", str(self.port)]
        log = (self.folder / "log").open("ab")
        command = [*self.user, str(self.programs / "postgres"), *place, *settings]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while subprocess.run([str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.05)

    def stop(self) -> None:
        """Clients lose their connections."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)  # at once: what it holds is worth nothing
            self.process.wait(_DEADLINE_SECONDS)
            self.process = None

    def new_database(self) -> str:
        """The URL of an empty database."""
        import psycopg

        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        name = f"ledger_{uuid.uuid4().hex}"
        with psycopg.connect(f"postgresql://ledger@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        return f"postgresql://ledger@127.0.0.1:{self.port}/{name}"


def _programs() -> Path | None:
    found = shutil.which("postgres")
    folders = [*([Path(found).resolve().parent] if found else []), *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    needed = ("initdb", "postgres", "pg_isready")
    return next((folder for folder in folders if all((folder / name).exists() for name in needed)), None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    user: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a unix socket's path is short, and another user must get there
    if os.geteuid() == 0:  # it refuses to run as root
        account = next(entry for entry in map(_account, ("postgres", "nobody")) if entry is not None)
        user = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        os.chown(folder, account.pw_uid, account.pw_gid)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = PostgreSql(programs, folder, port, user)
    try:
        make = ["-D", str(folder / "data"), "-U", "ledger", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([*user, str(programs / "initdb"), *make], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that may hold a ledger."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    new_database: Callable[[], str] = request.getfixturevalue("postgresql").new_database
    return new_database()
