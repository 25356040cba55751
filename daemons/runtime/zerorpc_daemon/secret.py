"""The token of the admin port, from the configuration or from the file that it names."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from zerorpc_daemon.core import StartError
from zerorpc_daemon.problems import one_line
from zerorpc_daemon.settings import TOKEN_LENGTH, TOKEN_SHOULD, Admin, is_token

_MOST_BYTES = 4096


def token_of(settings: Admin) -> str | None:
    """Return the token, None where there is none; raises `StartError` in one line."""
    if settings.token is not None:
        return settings.token.get_secret_value()
    return None if settings.token_file is None else _from_file(settings.token_file)


def _from_file(file: Path) -> str:
    try:
        token = _beginning_of(file).decode("utf-8", "replace").partition("\n")[0].strip()
    except OSError as error:
        raise StartError(f"admin.token_file: {one_line(error)}") from None
    if len(token) < TOKEN_LENGTH:
        raise StartError(f"admin.token_file: {file}: shorter than {TOKEN_LENGTH} characters")
    if not is_token(token):
        raise StartError(f"admin.token_file: {file}: {TOKEN_SHOULD}")
    return token


def _beginning_of(file: Path) -> bytes:
    # Not blocking: who names a FIFO by mistake would wait for its writer.
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(file))
        return os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
