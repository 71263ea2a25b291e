"""Whatever a user typed: it is one line in which no Markdown or HTML is left unescaped."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from moorage_training.export.markdown import Safe, escape


@given(st.text())
def test_escaped_text_is_one_line_without_markup(text: str) -> None:
    escaped = escape(text)
    assert len(escaped.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>|#~!&$]", escaped)
    assert re.sub(r"\\([\\`*_\[\]<>|#~!&$])", r"\1", escaped) == " ".join(text.split())


@given(st.text())
def test_safe_text_is_left_as_it_is(text: str) -> None:
    assert escape(Safe(text)) == text
