"""A request that is answered with an error: its HTTP status and what is wrong, where, with which value, and what to do."""

from __future__ import annotations

from moorage_api.errors import Problem


class Refusal(Exception):
    """Ends a request; becomes `{"error": "..."}`.

    retry_after_seconds: sent as Retry-After where waiting helps.
    close: whether the connection ends with the answer, because the rest of the request's body was not read.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        field: str = "",
        value: str | None = None,
        remedy: str = "",
        retry_after_seconds: int | None = None,
        close: bool = False,
    ) -> None:
        self.status = status
        self.problem = Problem(message, field=field, value=None if value is None else shorten(value), remedy=remedy)
        self.retry_after_seconds = retry_after_seconds
        self.close = close
        super().__init__(str(self.problem))


def shorten(text: str, limit: int = 80) -> str:
    """`text` as one printable line of at most `limit` characters: errors never carry a whole body back."""
    line = "".join(c if c.isprintable() else "?" for c in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 3] + "..."
