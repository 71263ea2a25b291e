"""Whether a pattern means the same to pydantic (Rust's regex) and to an API server (RE2)."""

from __future__ import annotations

import re

# In the order of the alternation: the first that matches at a place names what is there.
_TOKEN = re.compile(
    r"(?P<lookaround>\(\?<?[=!])"
    r"|(?P<atomic_group>\(\?>)"
    r"|(?P<conditional>\(\?\()"
    r"|(?P<backreference>\\[1-9]|\(\?P=|\\k[<{'])"
    r"|(?P<stacked_quantifier>(?:[*+?]|\{[0-9]+,?[0-9]*\})(?:\?(?:[*+?]|\{[0-9])|[*+]|\{[0-9]))"
    r"|(?P<unicode_class>\\[dDwWsSbB])"
    r"|(?P<end_of_text>\\[ZG])"
    r"|(?P<escaped>\\.)"
    r"|(?P<set_operation>\[\^?\]?(?:\\.|[^\]\\])*?(?:&&|--|~~|\[))"
    r"|(?P<character_class>\[\^?\]?(?:\\[^dDwWsS]|[^\]\\])*\])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_HARMLESS = {"escaped", "character_class", "other"}
_WHY = {
    "unicode_class": "means all of Unicode to pydantic and ASCII to RE2; write the characters, e.g. [0-9]",
    "set_operation": "means something else to RE2; escape it, or list the characters",
    "end_of_text": r"is not known to RE2; write \z or $",
}


def why_not_re2(pattern: str) -> str | None:
    """What in `pattern` RE2 lacks or reads otherwise; None where there is no such thing."""
    for token in _TOKEN.finditer(pattern):
        name = str(token.lastgroup)
        if name not in _HARMLESS:
            why = _WHY.get(name, "is not known to RE2")
            return f"{name.replace('_', ' ')} {token.group()!r} {why}"
    return None
