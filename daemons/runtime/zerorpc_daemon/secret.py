"""The token of the admin port, from the configuration or from the file that it names."""

from __future__ import annotations

from pathlib import Path

from zerorpc_daemon.core import StartError
from zerorpc_daemon.settings import TOKEN_LENGTH, Admin

_MOST_BYTES = 4096


def token_of(settings: Admin) -> str | None:
    """Return the token, None where there is none; raises `StartError` in one line."""
    if settings.token is not None:
        return settings.token.get_secret_value()
    return None if settings.token_file is None else _from_file(settings.token_file)


def _from_file(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            token = stream.read(_MOST_BYTES).decode("utf-8", "replace").partition("\n")[0].strip()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StartError(f"admin.token_file: {file}: {reason}") from None
    if len(token) < TOKEN_LENGTH:
        raise StartError(f"admin.token_file: {file}: shorter than {TOKEN_LENGTH} characters")
    return token
