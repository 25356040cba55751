"""Types of configuration values that carry a unit: durations, sizes, addresses, secrets.

Sans-IO. Each takes the bare number in the unit that the documents name, or a text with its own
unit, and is a plain `float`, `int` or `str` once it is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)")
_TIMES = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_SIZES |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts; the documents print it beside the type."""

    name: str


def seconds(value: Any) -> Any:
    """Return a duration such as `500ms`, `1.5s`, `2m`, `1h` in seconds, anything else as it is."""
    return _scaled(value, _TIMES) if isinstance(value, str) else value


def size_bytes(value: Any) -> Any:
    """Return a size such as `64KiB` or `1MB` in bytes, anything else as it is."""
    if not isinstance(value, str):
        return value
    count = _scaled(value, _SIZES)
    if count != int(count):
        raise ValueError("should be a whole number of bytes")
    return int(count)


def _scaled(text: str, units: dict[str, Any]) -> float:
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        example = " or ".join(f"`1{unit}`" for unit in list(units)[:3])
        raise ValueError(f"should be a number, or text such as {example}")
    number, unit = found.groups()
    if unit not in units:
        raise ValueError(f"the unit {unit!r} is none of {', '.join(units)}")
    scaled: float = round(float(number) * units[unit], 9)
    return scaled


Seconds = Annotated[
    float,
    BeforeValidator(seconds),
    Field(ge=0, allow_inf_nan=False),
    Unit("seconds"),
]
"""A duration; 0 and fractions are allowed."""

Bytes = Annotated[int, BeforeValidator(size_bytes), Field(ge=0), Unit("bytes")]
"""A size."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port to listen on; `*` and `0` stand for every address of IPv4."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return what `127.0.0.1:9470`, `[::1]:9470`, `*:9470` or `name:9470` says."""
        host, colon, port = text.rpartition(":")
        is_bracketed = host.startswith("[") and host.endswith("]")
        if not colon or not host or (":" in host and not is_bracketed):
            raise ValueError("should be HOST:PORT, such as 127.0.0.1:9470 or [::1]:9470")
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ValueError(f"the port {port!r} should be a number up to 65535")
        return cls("0.0.0.0" if host in ("*", "0") else host.strip("[]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:  # a name; of the others nobody knows what they mean tomorrow
            return self.host == "localhost"

    def __str__(self) -> str:
        """Return it as `parse` reads it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(text: str) -> str:
    Address.parse(text)
    return text


HostPort = Annotated[str, AfterValidator(_address), Unit("HOST:PORT")]
"""An address to listen on, kept as it was written; `Address.parse` takes it apart."""
