"""`moorage run -f FILE|DIR [--once]`: train, gate and serve what the manifests say, on a local Ray."""

from __future__ import annotations

from typing import Annotated

import typer

from moorage_cli.engine.embedded import EmbeddedEngine, Snapshot
from moorage_cli.engine.intake import read_manifests
from moorage_cli.home import open_home
from moorage_cli.home_lock import sole_runner
from moorage_cli.options import DEFAULT_HOME, HomeOption, ManifestOption, OutputOption
from moorage_cli.output import Format, complain, is_person, say, say_json
from moorage_cli.run_display import RunDisplay
from moorage_cli.stop_signals import StopRequest, stop_on_signals

TICK_SECONDS = 0.25


def run(
    file: ManifestOption,
    once: Annotated[bool, typer.Option("--once", help="Stop everything when the jobs have ended and the services have answered.")] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Where services answer. Default: 8000, or a free one.")] = None,
    home: HomeOption = DEFAULT_HOME,
    output: OutputOption = Format.table,
) -> None:
    """Run manifests here: train each job that has not succeeded yet, serve each model that passed its gates, until Ctrl-C."""
    given = read_manifests(file)
    opened = open_home(home)
    line = complain if output is Format.json else say
    live = is_person() and output is not Format.json
    with sole_runner(opened), stop_on_signals() as stop, EmbeddedEngine(opened, given, port) as engine, RunDisplay(live, line) as display:
        snapshot = run_until_done(engine, display, stop, once)
    if output is Format.json:
        say_json({"jobs": [j.to_wire() for j in snapshot.jobs], "services": [s.to_wire() for s in snapshot.services]})
    if stop.made:
        if not snapshot.done:
            complain("stopped; run it again to go on from the last checkpoint")
        raise typer.Exit(stop.exit_code)
    if not snapshot.all_well:
        raise typer.Exit(snapshot.exit_code)


def run_until_done(engine: EmbeddedEngine, display: RunDisplay, stop: StopRequest, once: bool) -> Snapshot:
    """Tick until everything has settled; then, unless `once`, serve until somebody asks to stop."""
    snapshot = engine.tick()
    announced = False
    while not stop.made:
        display.show(snapshot)
        if snapshot.done and (once or not snapshot.services_ready):
            break
        if snapshot.done and not announced:
            announced = True
            display.announce("serving; Ctrl-C stops it")
        stop.wait(TICK_SECONDS)
        snapshot = engine.tick()
    return snapshot
