"""Gates let through what is proven good enough, and nothing else."""

import math

import pytest

from moorage_api.gates import Gate, judge

AT_LEAST = Gate(metric="accuracy", minimum=0.9)
AT_MOST = Gate(metric="epsilonSpent", maximum=8)


@pytest.mark.parametrize(
    ("gate", "metrics", "passed", "sentence"),
    [
        (AT_LEAST, {"accuracy": 0.9}, True, "accuracy 0.9 passes"),
        (AT_LEAST, {"accuracy": 0.88}, False, "accuracy 0.88 is below minimum 0.9 by 0.02"),
        (AT_LEAST, {}, False, "accuracy was not measured"),
        (AT_LEAST, {"accuracy": math.nan}, False, "accuracy was not measured"),
        (AT_LEAST, {"accuracy": math.inf}, False, "accuracy was not measured"),
        (AT_MOST, {"epsilonSpent": 8}, True, "epsilonSpent 8 passes"),
        (AT_MOST, {"epsilonSpent": 9.5}, False, "epsilonSpent 9.5 is above maximum 8 by 1.5"),
        (AT_MOST, {"epsilonSpent": -math.inf}, False, "epsilonSpent was not measured"),
        (Gate(metric="f1", minimum=0.2, maximum=0.4), {"f1": 0.3}, True, "f1 0.3 passes"),
    ],
)
def test_a_gate_is_judged_and_says_why(gate: Gate, metrics: dict[str, float], passed: bool, sentence: str) -> None:
    [result] = judge([gate], metrics)
    assert (result.passed, result.sentence) == (passed, sentence)


def test_results_come_in_the_order_of_the_gates() -> None:
    results = judge([AT_MOST, AT_LEAST], {"accuracy": 1.0, "epsilonSpent": 1.0})
    assert [result.gate for result in results] == [AT_MOST, AT_LEAST]


def test_a_result_survives_the_wire_also_when_nothing_was_measured() -> None:
    [result] = judge([AT_LEAST], {})
    assert type(result).from_wire(result.to_wire()) == result
