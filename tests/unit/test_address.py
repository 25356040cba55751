"""Endpoints are read as libzmq reads them, and what is wrong with one is said."""

from __future__ import annotations

import pytest

from zerorpc.connection.address import Address, name_of, parse
from zerorpc.errors import EndpointError


@pytest.mark.parametrize(
    ("endpoint", "host", "port"),
    [
        ("tcp://127.0.0.1:4242", "127.0.0.1", 4242),
        ("tcp://*:1111", "*", 1111),
        ("tcp://0:1234", "0", 1234),
        ("tcp://host.example:*", "host.example", 0),
        ("tcp://[::1]:0", "::1", 0),
        ("tcp://[fe80::1%eth0]:1", "fe80::1%eth0", 1),
    ],
)
def test_tcp(endpoint: str, host: str, port: int) -> None:
    assert parse(endpoint) == Address(endpoint, host=host, port=port)


@pytest.mark.parametrize("path", ["/run/hub.sock", "relative", "@abstract"])
def test_ipc(path: str) -> None:
    assert parse(f"ipc://{path}") == Address(f"ipc://{path}", path=path)


NO_ENDPOINTS = ["", "tcp://", "tcp://:1", "tcp://host", "tcp://host:", "tcp://host:-1", "host:4242"]
NO_ENDPOINTS += ["tcp://host:70000", "tcp://::1:4242", "inproc://name", "ipc://", "ipc://*"]
NO_ENDPOINTS += ["ipc://@", "ipc://" + "ü" * 54]


@pytest.mark.parametrize("endpoint", NO_ENDPOINTS)
def test_everything_else_is_refused_by_name(endpoint: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse(endpoint)
    assert repr(endpoint) in str(caught.value)


@pytest.mark.parametrize("endpoint", ["tcp://*:1", "tcp://0:1", "tcp://[::]:1", "tcp://0.0.0.0:1"])
def test_everywhere(endpoint: str) -> None:
    assert parse(endpoint).is_everywhere


@pytest.mark.parametrize("endpoint", ["tcp://10.0.0.1:1", "tcp://localhost:0", "ipc://*.sock"])
def test_somewhere(endpoint: str) -> None:
    assert not parse(endpoint).is_everywhere


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (b"\0\xff\xfe1", r"ipc://@\xff\xfe1"),
        ("/run/\udcff", r"ipc:///run/\xff"),
        ("/run/grün", "ipc:///run/grün"),
    ],
)
def test_names_are_text_whatever_a_socket_is_bound_to(target: str | bytes, name: str) -> None:
    family, _ = parse("ipc://path").resolve()[0]
    assert name_of(family, target) == name


def test_names_can_be_read_again() -> None:
    for endpoint in ("tcp://127.0.0.1:1", "tcp://[::1]:1", "ipc:///run/hub", "ipc://@abstract"):
        family, target = parse(endpoint).resolve()[0]
        assert name_of(family, target) == endpoint
