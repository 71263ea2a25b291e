"""Whose a request is: the user name behind its bearer token, by the API server's word or by a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

from moorage_api.errors import InvalidInput, Problem, Unavailable
from moorage_api.yaml_documents import NotYaml, read_yaml

MAX_TOKEN_CHARACTERS = 16_384


class Authenticator(Protocol):
    """Says whose a token is."""

    async def username(self, token: str) -> str | None:
        """The user's name; None for a token that is nobody's. Raises Unavailable where that cannot be found out."""

    async def close(self) -> None:
        """Let go of connections."""


def bearer_token(header: str | None) -> str | None:
    """The token of an Authorization header; None if there is none, or one that no issuer would make."""
    scheme, _, token = (header or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        return None
    return token


def fingerprint(token: str) -> bytes:
    """What stands for a token in memory. Looked up rather than the token, for nobody can steer how far two hashes agree."""
    return hashlib.sha256(token.encode()).digest()


class StaticTokens:
    """Tokens from a YAML mapping of token to user name; re-read when the file changes."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidInput, Unavailable: a service that nobody can use should not start."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._usernames: dict[bytes, str] = {}
        self._refresh()

    async def username(self, token: str) -> str | None:
        """See Authenticator."""
        try:
            self._refresh()
        except InvalidInput as error:
            raise Unavailable(*error.problems) from None
        return self._usernames.get(fingerprint(token))

    async def close(self) -> None:
        """Nothing to let go of."""

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if seen == self._seen:
                return
            documents = read_yaml(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(Problem(f"cannot be read: {error}", str(self._path), "staticTokens")) from None
        except NotYaml:
            documents = []  # the parser's message may hold a part of a token
        tokens = documents[0] if len(documents) == 1 else None
        if not isinstance(tokens, dict) or not all(isinstance(name, str) and name for name in tokens.values()):
            fix = "write a line `TOKEN: USERNAME` for each"
            raise InvalidInput(Problem("not a mapping of tokens to user names", str(self._path), "staticTokens", remedy=fix))
        self._usernames = {fingerprint(token): name for token, name in tokens.items()}
        self._seen = seen
