"""Reads a configuration file: from its name to an instance of the model, or to all its problems.

The only module of the configuration that touches the file system. It takes some milliseconds for
a usual file; a daemon that runs calls it outside its loop.
"""

from __future__ import annotations

import os
from typing import TypeVar

from pydantic import BaseModel

from zerorpc_daemon.document import Document, parse, position
from zerorpc_daemon.problems import ConfigError
from zerorpc_daemon.validation import validate

Model = TypeVar("Model", bound=BaseModel)

# A thousand times a usual file; what is larger is another file.
MOST_BYTES = 1 << 20


def load(file: str | None, model: type[Model]) -> Model:
    """Return what a file configures, without one the defaults; raises `ConfigError`."""
    if file is None:
        return validate(Document("(no file)"), model)
    return validate(parse(_read(file), file), model)


def _read(file: str) -> str:
    try:
        # Not blocking: who names a FIFO by mistake would wait for its writer.
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            data = stream.read(MOST_BYTES + 1) or b""
    except OSError as error:
        raise ConfigError.of_file(file, f"cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise ConfigError.of_file(file, f"has more than {MOST_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        line, column = position(data, error.start)
        reason = f"the byte 0x{byte:02x} is not UTF-8"
        raise ConfigError.of_file(file, reason, line, column) from None
