"""How Kopf is set."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from itertools import islice

from moorage_operator.kopf_settings import PAUSES_SECONDS, kopf_settings


def test_no_request_is_given_up_and_each_begins_with_the_short_pauses():
    pauses = kopf_settings().networking.error_backoffs
    assert isinstance(pauses, Iterable)
    assert not isinstance(pauses, Sized), "Kopf would count the tries"
    for _ in range(2):
        found = list(islice(pauses, 1000))
        assert tuple(found[: len(PAUSES_SECONDS)]) == PAUSES_SECONDS
        assert set(found[len(PAUSES_SECONDS) :]) == {PAUSES_SECONDS[-1]}
