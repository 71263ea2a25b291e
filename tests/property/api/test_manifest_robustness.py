"""Whatever bytes stand in a manifest, loading gives resources or InvalidInput in bounded time."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.errors import InvalidInput
from moorage_api.manifest import load_manifests
from moorage_api.yaml_documents import NotYaml, read_yaml

GOOD = sorted((Path(__file__).parents[2] / "manifests/good").glob("*.yaml"))
TOKENS = [
    "a",
    "1",
    ": ",
    "- ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "!",
    "'",
    '"',
    "|\n",
    "---\n",
    "? ",
    "#",
    "\t",
    "~",
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manifests") / "it.yaml"


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(TOKENS), max_size=40).map("".join))
def test_any_tokens_of_yaml_give_documents_or_a_refusal(text: str) -> None:
    with contextlib.suppress(NotYaml):
        assert isinstance(read_yaml(text), list)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_damaged_manifest_gives_resources_or_problems(file: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(GOOD)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 6))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"\n", b"- ", b": ", b"{"])
        )
    file.write_bytes(bytes(content))
    with contextlib.suppress(InvalidInput):
        assert load_manifests(file)
