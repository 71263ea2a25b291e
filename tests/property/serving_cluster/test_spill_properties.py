"""Whatever order pods record, ship, spill, adopt and crash in: the ledger has every durable event, once."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.errors import Problem, Unavailable
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.ledger import Ledger
from moorage_billing.outbox import Outbox
from moorage_billing.shipper import _ship_folder, drain
from moorage_serving.cluster.spill import adopt, spill, waiting

SERVICE = Subject(kind="ModelService", namespace="default", name="digits", uid="u1")
STEPS = st.sampled_from(["record", "ship", "spill", "adopt", "ship then die", "adopt then die", "twice at once"])


class Dying:
    """A ledger whose answer never arrives, though it wrote what it was given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def append_or_set_aside(self, events: list[UsageEvent]) -> int:
        self._ledger.append_or_set_aside(events)
        raise Unavailable(Problem("the answer was lost"))


def record(folder: Path, count: int) -> set[tuple[str, str]]:
    async def write() -> set[tuple[str, str]]:
        outbox = Outbox.open(folder, "replica")
        for number in range(count):
            event = UsageEvent(
                source=outbox.source,
                id=str(number),
                tenant="acme",
                subject=SERVICE,
                time="2026-11-22T08:30:00Z",
                code=200,
                quantities={"Requests": 10**6},
            )
            await outbox.record(event)
        outbox.close()
        return {(outbox.source, str(number)) for number in range(count)}

    return asyncio.run(write())


class World:
    """Two pods that share a volume, and a ledger."""

    def __init__(self, root: Path) -> None:
        self.root, self.url = root, f"sqlite:///{root / 'ledger.db'}"
        self.ledger = Ledger(self.url)
        self.durable: set[tuple[str, str]] = set()

    @property
    def left(self) -> list[Path]:
        """What lies on the volume."""
        return waiting(self.root / "spill", 2e12)

    def take(self, step: str, pod: int) -> None:
        folder, left = self.root / f"pod-{pod}", self.left
        folder.mkdir(exist_ok=True)
        if step == "record":
            self.durable |= record(folder, 3)
        elif step == "ship":
            drain(folder, self.url)
        elif step == "spill":
            spill(folder, self.root / "spill" / "u1" / f"pod-{pod}")
        elif step == "ship then die":
            with suppress(Unavailable):
                _ship_folder(folder, Dying(self.ledger), wait=True, stop=threading.Event())
        elif left:
            self.take_left(step, left)

    def take_left(self, step: str, left: list[Path]) -> None:
        if step == "adopt":
            for path in left:
                adopt(path, self.ledger)
        elif step == "adopt then die":
            with suppress(Unavailable):
                adopt(left[0], Dying(self.ledger))
        else:
            copy = left[0].with_name("copy.events")
            os.link(left[0], copy)
            adopt(left[0], self.ledger)
            adopt(copy, self.ledger)

    def settle(self) -> None:
        """In the end all pods could ship."""
        for pod in (0, 1):
            self.take("ship", pod)
        self.take("adopt", 0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(STEPS, st.integers(0, 1)), max_size=12))
def test_every_event_is_billed_once(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name))
        for step, pod in steps:
            world.take(step, pod)
        world.settle()
        billed = [(event.source, event.id) for event in world.ledger.events()]
        assert sorted(billed) == sorted(world.durable)
        assert world.ledger.conflicts() == []
        assert world.left == []
        world.ledger.close()
