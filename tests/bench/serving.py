"""Metered, authenticated inference against a bare Ray Serve echo, in alternating rounds on one Ray Serve behind one HAProxy.

`python tests/bench/serving.py [--json FILE]`; same replicas, client and connections; on the loopback only.
MOORAGE_BENCH_SECONDS, _ROUNDS, _CONNECTIONS and _REPLICAS change its size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from serving_scenario import ONE, Keys, eventually, free_port, service_config, write_artifact

from moorage_billing.shipper import Shipper
from moorage_serving.host.engine import Engine

SECONDS = float(os.environ.get("MOORAGE_BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("MOORAGE_BENCH_ROUNDS", "5"))
CONNECTIONS = int(os.environ.get("MOORAGE_BENCH_CONNECTIONS", "32"))
REPLICAS = int(os.environ.get("MOORAGE_BENCH_REPLICAS", "1"))
REQUIRED = 0.5
"""Of the bare echo's throughput."""


def main() -> int:
    """Print the comparison; 1 if the ratio is below REQUIRED."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    where = parser.parse_args().json
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as home:
        figures = measure(Path(home))
    print_figures(figures)
    if where is not None:
        where.write_text(json.dumps(figures, indent=2))
    return 0 if figures["ratio"] >= REQUIRED else 1


def measure(home: Path) -> dict[str, Any]:
    """Start everything, run the rounds, stop everything."""
    keys = Keys(home / "access.json")
    key = keys.create("acme")
    digest = write_artifact(home / "iris" / "artifact")
    config = service_config(home, "iris", digest, replicas=REPLICAS)
    port = free_port()
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # the replicas import the echoes from here
    engine = Engine("127.0.0.1", port)
    try:
        from serving_echo import asgi_echo, echo

        from moorage_serving.app import build

        echoes = {"echo": ("/echo", echo(config)), "asgi-echo": ("/asgi-echo", asgi_echo(config))}
        engine.deploy({**echoes, "iris": (config.route_prefix, build(config.to_wire()))})
        shipper = Shipper(Path(config.outbox), config.ledger)
        body = json.dumps(ONE)
        targets = {
            "echo": request_text("/echo", body),
            "asgiEcho": request_text("/asgi-echo", body),
            "infer": request_text(f"{config.route_prefix}/v2/models/iris/infer", body, f"Authorization: Bearer {key}\r\n"),
        }
        eventually(
            lambda: all(sum(r.running for r in a.replicas) == REPLICAS for a in engine.applications().values()), 90, "all replicas run"
        )
        for text in targets.values():
            eventually(lambda text=text: set(run_load(home, port, text, 4, 1.0)["codes"]) == {"200"}, 60, "it answers")
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in targets}
        for _ in range(ROUNDS):
            for name, text in targets.items():
                rounds[name].append(run_load(home, port, text, CONNECTIONS, SECONDS))
        shipper.close()
    finally:
        engine.stop()
    return summary(rounds)


def request_text(path: str, body: str, headers: str = "") -> str:
    """One HTTP/1.1 request."""
    return f"POST {path} HTTP/1.1\r\nHost: bench\r\n{headers}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def run_load(home: Path, port: int, text: str, connections: int, seconds: float) -> dict[str, Any]:
    """One run of the load generator."""
    plan = home / "plan.json"
    plan.write_text(json.dumps({"host": "127.0.0.1", "port": port, "request": text, "connections": connections, "seconds": seconds}))
    generator = Path(__file__).with_name("serving_load.py")
    done = subprocess.run([sys.executable, str(generator), str(plan)], check=True, capture_output=True, timeout=seconds + 20)
    return dict(json.loads(done.stdout))


def summary(rounds: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians of the throughputs over the rounds, latencies over all of them, and the median of the rounds' own ratios.

    A ratio within a round compares what ran seconds apart, so that another load on the machine falls on both.
    """
    figures: dict[str, Any] = {"connections": CONNECTIONS, "replicas": REPLICAS, "rounds": ROUNDS, "secondsPerRound": SECONDS}
    for name, results in rounds.items():
        codes = {code for result in results for code in result["codes"]}
        if codes != {"200"}:
            raise SystemExit(f"{name}: answers other than 200: {codes}")
        latencies = sorted(latency for result in results for latency in result["latencies"])
        figures[name] = {
            "requestsPerSecond": statistics.median(map(rate_of, results)),
            "p50Milliseconds": latencies[len(latencies) // 2] * 1000,
            "p99Milliseconds": latencies[int(len(latencies) * 0.99)] * 1000,
        }
    for name, peer in (("ratio", "echo"), ("ratioToAsgiEcho", "asgiEcho")):
        by_round = [rate_of(infer) / rate_of(other) for infer, other in zip(rounds["infer"], rounds[peer], strict=True)]
        figures[name], figures[f"{name}ByRound"] = statistics.median(by_round), by_round
    return figures


def rate_of(result: dict[str, Any]) -> float:
    """Good answers a second in one round."""
    return float(result["codes"]["200"] / result["seconds"])


def print_figures(figures: dict[str, Any]) -> None:
    """A table for people."""
    print(f"{figures['replicas']} replica(s), {figures['connections']} connections, {ROUNDS} rounds of {SECONDS:g} s each, alternating")
    titles = {"echo": "bare echo", "asgiEcho": "bare echo, raw ASGI", "infer": "metered, authenticated infer"}
    for name, title in titles.items():
        one = figures[name]
        rate, p50, p99 = one["requestsPerSecond"], one["p50Milliseconds"], one["p99Milliseconds"]
        print(f"{title:30} {rate:8.0f} requests/s   p50 {p50:6.2f} ms   p99 {p99:6.2f} ms")
    shown = ", ".join(f"{ratio:.2f}" for ratio in figures["ratioByRound"])
    print(f"ratio of throughput, infer to bare echo: {figures['ratio']:.2f}, the median of {shown} (at least {REQUIRED})")
    print(f"ratio to the raw ASGI echo: {figures['ratioToAsgiEcho']:.2f}")


if __name__ == "__main__":
    sys.exit(main())
