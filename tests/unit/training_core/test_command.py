"""`python -m moorage_training` up to the first worker: exit codes, one clear line, the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moorage_api.run_config import ResolvedDataset, RunConfig
from moorage_api.run_report import RunReport

DEADLINE_SECONDS = 120


def start(config: RunConfig | str, folder: Path) -> subprocess.Popen[str]:
    file = folder / "run.json"
    file.write_text(config if isinstance(config, str) else json.dumps(config.to_wire()))
    return subprocess.Popen(
        [sys.executable, "-m", "moorage_training", str(file)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    printed, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert printed == ""
    return process.returncode, errors


def report_of(config: RunConfig) -> RunReport:
    return RunReport.model_validate_json(Path(config.folder, "report.json").read_bytes())


@pytest.mark.parametrize(("text", "expected"), [("{", "run.json"), ('{"surprise": 1}', "surprise"), ("[]", "run.json")])
def test_a_malformed_config_is_one_line_and_exit_code_2(tmp_path, text, expected):
    code, errors = end(start(text, tmp_path))
    assert code == 2
    assert expected in errors
    assert len(errors.splitlines()) == 1


def test_wrong_records_are_invalid_input_at_the_terminal_and_in_the_report(make_config, tmp_path):
    config = make_config(dataset=ResolvedDataset(dataset="people", uri=str(tmp_path / "no.csv"), format="CSV", columns={"label": "y"}))
    code, errors = end(start(config, tmp_path))
    report = report_of(config)
    assert code == 2
    assert errors.strip() == report.failure.message
    assert "data set people" in errors
    assert "no.csv does not exist" in errors
    assert (report.phase, report.failure.reason) == ("Failed", "InvalidInput")
    assert "Traceback" in Path(config.folder, "run.log").read_text()


def test_linear_algebra_has_no_threads_that_a_fork_could_end():
    """Ray is started, and forks, while the plan is computed; see moorage_training.__main__."""
    script = (
        "import moorage_training.__main__, numpy, scipy.linalg, threadpoolctl;"
        "print([p['num_threads'] for p in threadpoolctl.threadpool_info() if p['internal_api'] == 'openblas'])"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "4"}
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True).stdout
    threads = json.loads(printed)
    assert threads
    assert set(threads) == {1}
