"""`moorage run` as a user runs it: killed in the middle, run again, called, billed, stopped; refused by gates and budgets."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
import yaml

from moorage_cli.engine.child_process import descendants

pytestmark = [pytest.mark.local_engine, pytest.mark.timeout(900)]
MOORAGE = [sys.executable, "-c", "from moorage_cli.main import run; run()"]
TENANCY = [
    ("PricePlan", "paid", {"currency": "USD", "meters": [{"meter": "Requests", "tiers": [{"unitPrice": "0.5"}]}]}),
    ("Tenant", "acme", {"plan": "paid", "namespaces": ["default"]}),
    ("Dataset", "digits", {"uri": "sklearn://digits", "format": "Bundled", "privacyBudget": {"epsilon": 5, "delta": 1e-5}}),
]


def manifest(folder: Path, *resources) -> Path:
    documents = [
        {"apiVersion": "moorage.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, name, spec in (*TENANCY, *resources)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "all.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    return file


def job(steps, epsilon=3.0, dataset=None, **more):
    privacy = {"privacy": {"epsilon": epsilon, "delta": 1e-5}} if epsilon else {}
    return {
        "dataset": dataset or {"name": "digits"},
        "task": {"type": "TabularClassification"},
        "optimization": {"steps": steps, "batchSize": 64, "optimizer": "SGD", "learningRate": 0.5},
        **privacy,
        **more,
    }


class Shell:
    """Runs `moorage` on one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "MOORAGE_HOME": str(home), "OMP_NUM_THREADS": "1"}

    def start(self, *arguments) -> subprocess.Popen:
        log = (self.home.parent / "run.txt").open("a")
        return subprocess.Popen(
            [*MOORAGE, *map(str, arguments)], env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )

    def ask(self, *arguments, code=0) -> str:
        done = subprocess.run([*MOORAGE, *map(str, arguments)], env=self.environment, capture_output=True, text=True, timeout=400)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stdout + done.stderr

    def status(self, what) -> dict:
        """What `moorage status` says."""
        return json.loads(self.ask("status", what, "-o", "json")).get("status", {})

    def stored(self, kind) -> dict:
        """The status of the `digits` of a kind as the run last stored it: to wait by, for each command takes a second of the CPU."""
        file = self.home / "objects" / kind / "default" / "digits.json"
        return json.loads(file.read_text()).get("status", {}) if file.exists() else {}

    def is_true(self, kind, condition) -> bool:
        return any(c["type"] == condition and c["status"] == "True" for c in self.stored(kind).get("conditions", []))

    def conditions(self, what) -> dict[str, dict]:
        return {c["type"]: c for c in self.status(what).get("conditions", [])}


def eventually(condition, seconds, process=None):
    seconds *= max(1.0, os.getloadavg()[0] / os.cpu_count())  # others may wait for the cores, too
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        assert process is None or process.poll() is None, "the process ended early"
        time.sleep(0.3)
    pytest.fail(f"not within {seconds:g} s")


def gone(pids) -> bool:
    return not any(Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[-1][:3] for pid in pids)


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path / "a home")


def test_killed_run_again_called_billed_and_stopped(shell, tmp_path):
    steps = 1500
    file = manifest(
        tmp_path / "manifests",
        ("TrainingJob", "digits", job(steps)),
        ("ModelService", "digits", {"model": {"trainingJob": "digits"}, "access": {"tenants": ["acme"]}}),
    )
    first = shell.start("run", "-f", file)
    try:
        eventually(lambda: (shell.stored("TrainingJob").get("progress") or {}).get("step", 0) > 20, 120, first)
        children = descendants(first.pid)
        assert children
    finally:
        first.kill()
        first.wait()
    eventually(lambda: gone(children), 30)

    second = shell.start("run", "-f", file)
    try:
        eventually(lambda: shell.is_true("TrainingJob", "Succeeded"), 120, second)
        assert "another `moorage run`" in shell.ask("run", "-f", file, "--once", code=1)
        (spend,) = json.loads(shell.ask("budget", "digits", "-o", "json"))
        assert spend["jobs"][0]["state"] == "Committed"
        assert spend["jobs"][0]["mechanism"]["steps"] >= steps
        assert spend["jobs"][0]["mechanism"] == shell.status("tj/digits")["privacy"]["mechanism"]

        eventually(lambda: shell.is_true("ModelService", "Ready"), 120, second)
        assert shell.conditions("msvc/digits")["Ready"]["status"] == "True"
        counted = call(shell)
        children = descendants(second.pid)
    finally:
        second.send_signal(signal.SIGINT)
        assert second.wait(120) == 130
    eventually(lambda: gone(children), 30)

    invoice = json.loads(shell.ask("bill", "--tenant", "acme", "-o", "json"))
    assert invoice == json.loads(shell.ask("bill", "--tenant", "acme", "-o", "json"))
    assert {int(code): n for code, n in invoice["responses"].items()} == {code: n for code, n in counted.items() if code != 401}
    requests = [line for line in invoice["lines"] if line["meter"] == "Requests"]
    assert [(line["quantity"], line["amount"]) for line in requests] == [(str(counted[200]), f"{counted[200] * 0.5:g}")]
    assert any(line["meter"] == "TrainingCpuSeconds" for line in invoice["lines"])

    before = shell.conditions("tj/digits")
    shell.ask("run", "-f", manifest(tmp_path / "job only", ("TrainingJob", "digits", job(steps))), "--once")
    assert shell.conditions("tj/digits") == before
    assert shell.conditions("msvc/digits")["Ready"]["status"] == "False"


def call(shell) -> Counter:
    """Good calls, one without a key's end, one of a wrong shape, and one by `moorage predict`; what was answered, by code."""
    key = json.loads(shell.ask("keys", "create", "acme", "-o", "json"))["key"]
    url = shell.status("msvc/digits")["url"] + "/v2/models/digits/infer"
    body = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 64], "data": [0.0] * 64}]}
    wrong = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 2], "data": [0.0] * 2}]}

    def answered(given):
        return httpx.post(url, json=given, headers={"Authorization": f"Bearer {key}"}).status_code

    eventually(lambda: httpx.post(url, json=body, headers={"Authorization": f"Bearer {key[:-1]}"}).status_code == 401, 30)
    eventually(lambda: shell.ask("keys", "list").count("active") == 1, 30)
    time_to_follow = time.monotonic() + 5
    counted: Counter = Counter()
    while not counted[200] and time.monotonic() < time_to_follow:
        counted[answered(body)] += 1
    counted.update(answered(body) for _ in range(30))
    counted[answered(wrong)] += 1
    labels = json.loads(shell.ask("predict", "digits", "--input", json.dumps([[0] * 64]), "--key", key, "-o", "json"))
    assert labels["outputs"][0]["name"] == "label"
    counted[200] += 1
    assert "answered 400" in shell.ask("predict", "digits", "--input", json.dumps(wrong), "--key", key, code=2)
    counted[400] += 1
    assert counted[200] >= 31
    return counted


def test_gates_and_budgets_refuse(shell, tmp_path):
    inline = {"uri": "SKLEARN://digits/", "format": "Bundled"}
    file = manifest(
        tmp_path / "manifests",
        ("TrainingJob", "poor", job(20, epsilon=4.0, gates=[{"metric": "accuracy", "minimum": 0.999}])),
        ("TrainingJob", "greedy", job(20, epsilon=4.5)),
        ("TrainingJob", "around", job(20, epsilon=None, dataset=inline)),
        ("ModelService", "poor", {"model": {"trainingJob": "poor"}, "access": {"tenants": ["acme"]}}),
    )
    out = shell.ask("run", "-f", file, "--once", code=1)
    assert "is below minimum 0.999 by" in out
    poor, greedy, around = (shell.conditions(f"tj/{name}") for name in ("poor", "greedy", "around"))
    assert (poor["Succeeded"]["status"], poor["GatesPassed"]["status"]) == ("True", "False")
    assert shell.conditions("msvc/poor")["Ready"]["reason"] == "GatesFailed"
    assert (greedy["Succeeded"]["reason"], greedy["BudgetReserved"]["status"]) == ("PrivacyBudgetExceeded", "False")
    assert "the budget is 5, of which" in greedy["Succeeded"]["message"]
    assert (around["Accepted"]["reason"], around["Succeeded"]["status"]) == ("PrivacyRequired", "False")
    (spend,) = json.loads(shell.ask("budget", "-o", "json"))
    assert [(j["job"], j["state"]) for j in spend["jobs"]] == [("TrainingJob default/poor", "Committed")]
    assert spend["spentEpsilon"] <= 4
