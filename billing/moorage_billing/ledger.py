"""The ledger: every usage event ever, append-only, each (source, id) once. The truth about money."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from sqlalchemy import Column, Connection, Row, func, insert, select

from moorage_api.errors import InvalidInput, Problem, Refused
from moorage_api.usage import Subject, UsageEvent
from moorage_billing.database import Database, opened
from moorage_billing.instant import micros_of, timestamp_of
from moorage_billing.period import Period
from moorage_billing.schema import usage_conflicts, usage_events

_log = logging.getLogger(__name__)
_LOOKUP_SIZE = 500
_MOST_NAMED = 5
_LONGEST = 253
_LARGEST = 2**63 - 1
_FACTS = [c for c in usage_events.c if c.name != "sequence"]


class ConflictingEvents(Refused):
    """Events whose (source, id) the ledger holds with other contents; nothing of their batch was written."""

    def __init__(self, events: Sequence[UsageEvent], where: str) -> None:
        self.events = tuple(events)
        remedy = "an event never changes: send a correction as an event of its own, from a source of its own"
        super().__init__(
            *(
                Problem("the ledger holds another event of this source and id", where, f"source {e.source}, id {e.id}", None, remedy)
                for e in events
            )
        )


@dataclass(frozen=True)
class Receipt:
    """What became of a batch. accepted: events that the ledger lacked. set_aside: events that conflict with it, not billed."""

    accepted: int
    set_aside: int


class Ledger:
    """Usage events in a SQL database; safe for any number of processes and threads at once."""

    def __init__(self, ledger: str | Database, busy_seconds: float = 30.0) -> None:
        """Open by SQLAlchemy URL (`sqlite:////ABSOLUTE/PATH`), making the tables on first use, or share an open database.

        Raises InvalidInput for a bad URL, Unavailable where the database cannot be used.
        """
        self._database = opened(ledger, busy_seconds)

    def append(self, events: Iterable[UsageEvent]) -> int:
        """Write the events that the ledger lacks, durably and in one transaction; how many those were.

        An event that is there already, with the same contents, is passed over. Raises ConflictingEvents, with nothing
        written, if one has other contents; InvalidInput for a time that is none; Unavailable.
        """
        wanted: dict[tuple[str, str], dict[str, Any]] = {}
        originals: dict[tuple[str, str], UsageEvent] = {}
        conflicts: list[UsageEvent] = []
        for event in events:
            key, row = (event.source, event.id), _row(event)
            if wanted.setdefault(key, row) != row:
                conflicts.append(event)
            originals.setdefault(key, event)
        if not wanted:
            return 0
        with self._database.write() as connection:
            known = _known(connection, wanted)
            conflicts += [originals[key] for key, row in known.items() if row != wanted[key]]
            if conflicts:
                raise ConflictingEvents(conflicts, self._database.where or "")
            fresh = [row for key, row in wanted.items() if key not in known]
            if fresh:
                connection.execute(insert(usage_events), fresh)
        return len(fresh)

    def append_or_set_aside(self, events: Iterable[UsageEvent]) -> int:
        """Append, but an event that conflicts is set aside, loudly, and holds up no other. Raises InvalidInput, Unavailable."""
        return self.take(events).accepted

    def take(self, events: Iterable[UsageEvent]) -> Receipt:
        """As `append_or_set_aside`, and how many were set aside."""
        waiting = list(events)
        set_aside = 0
        while True:
            try:
                return Receipt(self.append(waiting), set_aside)
            except ConflictingEvents as conflict:
                named = "; ".join(str(problem) for problem in conflict.problems[:_MOST_NAMED])
                _log.error("set aside in usage_conflicts, not billed, %d events: %s", len(conflict.events), named)
                self.set_aside(*conflict.events)
                aside = {_canonical(event) for event in conflict.events}
                left = [event for event in waiting if _canonical(event) not in aside]
                set_aside += len(waiting) - len(left)
                waiting = left

    def set_aside(self, *events: UsageEvent) -> None:
        """Keep events that conflict with the ledger where people can see them; they are never billed. Raises Unavailable."""
        wanted = {(e.source, e.id, _canonical(e)) for e in events}
        with self._database.write() as connection:
            columns = (usage_conflicts.c.source, usage_conflicts.c.id, usage_conflicts.c.event)
            rows = _rows_of(connection, columns, {(source, id_) for source, id_, _ in wanted})
            fresh = sorted(wanted - {(row["source"], row["id"], row["event"]) for row in rows})
            if fresh:
                connection.execute(insert(usage_conflicts), [{"source": s, "id": i, "event": e} for s, i, e in fresh])

    def conflicts(self) -> list[UsageEvent]:
        """The events that were set aside, oldest first. Raises Unavailable."""
        with self._database.read() as connection:
            rows = connection.scalars(select(usage_conflicts.c.event).order_by(usage_conflicts.c.sequence)).all()
        return [UsageEvent.model_validate_json(row) for row in rows]

    def events(
        self, tenant: str | None = None, period: Period | None = None, subject: Subject | None = None, kind: str | None = None
    ) -> Iterator[UsageEvent]:
        """The events of a tenant, a period, a subject and a kind of subject (None: any), ordered by time, source, id: one state.

        Raises Unavailable.
        """
        query = select(*_FACTS).order_by(usage_events.c.time_us, usage_events.c.source, usage_events.c.id)
        if tenant is not None:
            query = query.where(usage_events.c.tenant == tenant)
        if period is not None:
            start, end = period.bounds_us
            query = query.where(usage_events.c.time_us >= start, usage_events.c.time_us < end)
        if subject is not None:
            query = query.where(*(usage_events.c[name] == value for name, value in subject.model_dump().items()))
        if kind is not None:
            query = query.where(usage_events.c.kind == kind)
        with self._database.read() as connection:
            for row in connection.execution_options(yield_per=1000).execute(query):
                yield _event(row)

    def tenants(self) -> list[str]:
        """Every tenant that has an event, in order. Raises Unavailable."""
        with self._database.read() as connection:
            return list(connection.scalars(select(usage_events.c.tenant).distinct().order_by(usage_events.c.tenant)))

    def count(self) -> int:
        """How many events there are. Raises Unavailable."""
        with self._database.read() as connection:
            return connection.scalar(select(func.count()).select_from(usage_events)) or 0

    def close(self) -> None:
        """Close the connections."""
        self._database.close()


def _named(event: UsageEvent) -> str:
    return f"source {event.source!r}, id {event.id!r}"


def _canonical(event: UsageEvent) -> str:
    return json.dumps(event.to_wire(), sort_keys=True)


def _row(event: UsageEvent) -> dict[str, Any]:
    texts = {"source": event.source, "id": event.id, "tenant": event.tenant, **event.subject.model_dump()}
    for name, text in texts.items():
        if "\0" in text or len(text) > _LONGEST:  # what PostgreSQL cannot hold or index no ledger takes
            fix = f"at most {_LONGEST} characters, none of them NUL"
            raise InvalidInput(Problem("not a text for a ledger", _named(event), name, repr(text[:_LONGEST]), fix))
    for meter, quantity in event.quantities.items():
        if abs(quantity) > _LARGEST:
            raise InvalidInput(Problem("the quantity is too large", _named(event), f"quantities.{meter}", None, f"at most {_LARGEST}"))
    return {
        **texts,
        "time_us": micros_of(event.time),
        "code": event.code,
        "quantities": json.dumps(event.quantities, sort_keys=True, separators=(",", ":")),
    }


def _event(row: Row[Any]) -> UsageEvent:
    return UsageEvent(
        source=row.source,
        id=row.id,
        tenant=row.tenant,
        subject=Subject(kind=row.kind, namespace=row.namespace, name=row.name, uid=row.uid),
        time=timestamp_of(row.time_us),
        code=row.code,
        quantities=json.loads(row.quantities),
    )


def _known(connection: Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows that the ledger has for some of `keys`."""
    return {(row["source"], row["id"]): row for row in _rows_of(connection, _FACTS, keys)}


def _rows_of(connection: Connection, columns: Sequence[Column[Any]], keys: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """The rows that `columns`' table has for pairs of source and id."""
    table = columns[0].table.c
    for source, group in groupby(sorted(keys), key=lambda key: key[0]):
        ids = (key[1] for key in group)
        while some := list(islice(ids, _LOOKUP_SIZE)):
            for row in connection.execute(select(*columns).where(table.source == source, table.id.in_(some))).mappings():
                yield dict(row)
