"""The demo, from a fresh home to the last stopped process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from moorage_api.artifact import Signature, read_artifact
from moorage_api.clock import timestamp, utc_now
from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_api.manifest import AnyResource
from moorage_api.model_service import ModelService
from moorage_api.tenant import RateLimit, Tenant
from moorage_api.training_job import TrainingJob
from moorage_billing.period import Period
from moorage_cli.api_keys import create_key
from moorage_cli.demo.callers import Caller, Tally, call_all, digit_records
from moorage_cli.demo.plain_twin import plain_twin
from moorage_cli.demo.stopwatch import Stopwatch
from moorage_cli.demo.summary import Facts, check_against_invoices, say_facts, write_reports
from moorage_cli.engine.embedded import EmbeddedEngine, Snapshot
from moorage_cli.engine.intake import read_manifests
from moorage_cli.engine.service_runner import deployed_model
from moorage_cli.home import Home, open_home
from moorage_cli.home_lock import is_running, sole_runner
from moorage_cli.invoicing import invoices_of
from moorage_cli.output import complain, is_person, say
from moorage_cli.run_display import RunDisplay
from moorage_cli.stop_signals import StopRequest, stop_on_signals

MANIFEST = Path("examples") / "digits.yaml"
FOLDER = Path(".moorage") / "demo"
TICK_SECONDS = 0.25
UNLIMITED = RateLimit(requests_per_second=100.0, burst=100)


def tell(folder: Path = FOLDER, manifest: Path = MANIFEST) -> int:
    """Run the demo below `folder`. Returns the exit code. Raises MoorageError where something is not as it should be."""
    given = with_twin(read_manifests(manifest))
    home = fresh_home(folder)
    watch = Stopwatch()
    with sole_runner(home), stop_on_signals() as stop, RunDisplay(is_person(), say) as display:
        with EmbeddedEngine(home, given) as engine:
            tick = _ticker(engine, display, watch)
            snapshot = _until_settled(tick, stop)
            if not stop.made and not snapshot.all_well:
                complain("the demo ends here: not everything went well (see above)")
                return 1
            tallies = {} if stop.made else _calls(home, engine, snapshot, tick, watch, stop)
        if stop.made:
            complain("stopped")
            return stop.exit_code
        period = Period.containing(timestamp(utc_now()))
        invoices = invoices_of(engine.store, engine.store.all(Tenant), period)
        check_against_invoices(tallies, invoices)
        facts = Facts(snapshot.jobs[0], snapshot.jobs[1], tallies, invoices, watch.seconds())
    model = facts.job.status.model if facts.job.status else None
    if model is None:
        raise Unavailable(Problem("it has no model", facts.job.ref))
    reports = folder.absolute() / "reports"
    write_reports(facts, Path(model.uri), reports)
    say_facts(facts, Path(model.uri), reports)
    return 0


def with_twin(given: Sequence[tuple[str, AnyResource]]) -> list[tuple[str, AnyResource]]:
    """The manifest's resources and the plain twin of its one TrainingJob. Raises InvalidInput if it has another number of them."""
    jobs = [(where, r) for where, r in given if isinstance(r, TrainingJob)]
    if len(jobs) != 1:
        raise InvalidInput(Problem("the demo needs exactly one TrainingJob", str(MANIFEST), value=str(len(jobs))))
    where, job = jobs[0]
    return [*given, (where, plain_twin(job))]


def fresh_home(folder: Path) -> Home:
    """An empty home; what an earlier demo left there is removed. Raises Unavailable while one runs."""
    if (folder / "lock").exists() and is_running(Home(folder.absolute())):
        raise Unavailable(Problem("another demo runs here", str(folder), remedy="wait for it, or stop it with Ctrl-C"))
    if folder.is_symlink() or (folder.exists() and any(folder.iterdir()) and not (folder / "lock").exists()):
        raise InvalidInput(Problem("not a demo's folder, so it is not removed", str(folder), remedy="move it away"))
    if folder.exists():
        shutil.rmtree(folder)
    return open_home(folder)


def _ticker(engine: EmbeddedEngine, display: RunDisplay, watch: Stopwatch) -> Callable[[], Snapshot]:
    def tick() -> Snapshot:
        snapshot = engine.tick()
        watch.see(snapshot)
        display.show(snapshot)
        return snapshot

    return tick


def _until_settled(tick: Callable[[], Snapshot], stop: StopRequest) -> Snapshot:
    snapshot = tick()
    while not stop.made and not snapshot.done:
        stop.wait(TICK_SECONDS)
        snapshot = tick()
    return snapshot


def _calls(
    home: Home, engine: EmbeddedEngine, snapshot: Snapshot, tick: Callable[[], Snapshot], watch: Stopwatch, stop: StopRequest
) -> dict[str, Tally]:
    """Both tenants call the service while the engine goes on ticking."""
    service = snapshot.services[0]
    callers = [_caller(home, service, engine.store.get(Tenant, None, name)) for name in service.spec.access.tenants]
    say(f"{len(callers)} tenants call {service.status.url if service.status else ''}")
    watch.see(snapshot)
    before = watch.seconds()["total"]
    with ThreadPoolExecutor(1) as pool:
        calls: Future[dict[str, Tally]] = pool.submit(call_all, callers, lambda: stop.made)
        while not calls.done():
            stop.wait(TICK_SECONDS) if not stop.made else calls.exception(timeout=TICK_SECONDS * 4)
            tick()
        watch.add("calls", watch.seconds()["total"] - before)
        return calls.result()


def _caller(home: Home, service: ModelService, tenant: Tenant) -> Caller:
    key = create_key(home, tenant, utc_now(), None)
    url = f"{service.status.url if service.status else ''}/v2/models/{service.metadata.name}/infer"
    limit = tenant.spec.rate_limit or UNLIMITED
    return Caller(tenant.metadata.name, key.key, url, limit, digit_records(), _signature(home, service))


def _signature(home: Home, service: ModelService) -> Signature:
    deployed = deployed_model(home, service)
    if deployed is None:
        raise Unavailable(Problem("it has no model", service.ref))
    return read_artifact(Path(deployed.uri), deployed.digest).signature
