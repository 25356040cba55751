"""The admin port without a port: who is answered, and what."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from zerorpc_daemon.admin import Admin, Answer, Request
from zerorpc_daemon.core import Refused, StartError
from zerorpc_daemon.journal import EventLog
from zerorpc_daemon.listener import listen
from zerorpc_daemon.quantities import Address

TOKEN = "a-token-of-many-characters"


def kick(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Kick a `peer`."""
    if arguments.get("peer") == "gone":
        raise Refused("no such peer", 404)
    return dict(arguments)


def admin(token: str | None = None) -> Admin:
    fixed = {"/healthz": lambda _: Answer.of({"status": "ok"}), "/stats": lambda _: Answer.of({})}
    return Admin(fixed, {"peers": lambda arguments: arguments}, {"kick": kick}, token)


def ask(method: str, path: str, token: str | None = None, **rest: Any) -> tuple[int, Any]:
    answer = admin(token).answer(Request(method, path, **rest))
    return answer.status, json.loads(answer.body)


def test_views_take_the_query_and_commands_a_body_too() -> None:
    assert ask("GET", "/peers", query="a=1&b=") == (200, {"a": "1", "b": ""})
    assert ask("POST", "/kick", query="a=1&b=2", body=b'{"b": [3]}') == (200, {"a": "1", "b": [3]})
    assert ask("POST", "/kick") == (200, {})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/", 200),
        ("GET", "/kick", 405),
        ("POST", "/peers", 405),
        ("DELETE", "/kick", 405),
        ("PUT", "/stats", 405),
        ("GET", "/healthz/", 404),
        ("POST", "/nothing", 404),
    ],
)
def test_methods_and_paths(method: str, path: str, status: int) -> None:
    assert ask(method, path)[0] == status


def test_a_wrong_method_is_told_the_right_one() -> None:
    answer = admin().answer(Request("GET", "/kick"))
    assert answer.headers == (("Allow", "POST"),)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff", b"3", pytest.param(b"[" * 60_000, id="deep")]
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    status, answered = ask("POST", "/kick", body=body)
    assert (status, "JSON" in answered["error"]) == (400, True)


def test_a_refusal_has_its_own_status() -> None:
    assert ask("POST", "/kick", query="peer=gone") == (404, {"error": "no such peer"})


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer x"}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": TOKEN}, 401),
        ({"authorization": f"bearer {TOKEN}"}, 200),
        ({"authorization": f"BEARER  {TOKEN} "}, 200),
        ({"authorization": "Bearer caf\u00e9"}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        # Who has the token may be a web page.
        ({"authorization": f"Bearer {TOKEN}", "origin": "http://a", "host": "a"}, 200),
    ],
)
def test_a_token_guards_all_but_probes(given: dict[str, str], status: int) -> None:
    assert ask("GET", "/stats", TOKEN, headers=given)[0] == status
    assert ask("POST", "/kick", TOKEN, headers=given)[0] == status
    assert ask("GET", "/nothing", TOKEN, headers=given)[0] in (status, 404)
    assert ask("GET", "/healthz", TOKEN, headers=given)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "127.0.0.1:9470"}, 200),
        ({"host": "[::1]:9470"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "evil.example:9470"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": "127.0.0.1:9470", "origin": "http://evil.example"}, 403),
        ({"host": "127.0.0.1:9470", "origin": "null"}, 403),
    ],
)
def test_without_a_token_pages_of_others_are_refused(headers: dict[str, str], status: int) -> None:
    assert ask("POST", "/kick", headers=headers)[0] == status


def taking(*ports: int, error: int = errno.EADDRINUSE) -> Callable[[Address], int]:
    """Return what opens every port but these."""

    def open_at(address: Address) -> int:
        if address.port in ports:
            raise OSError(error, "taken")
        return address.port

    return open_at


@pytest.mark.parametrize(
    ("opens", "is_default", "outcome"),
    [
        (taking(), False, 9470),
        (taking(9470, 9471), True, 9472),
        (taking(9470), False, "127.0.0.1:9470: taken"),
        (taking(9470, error=errno.EACCES), True, "127.0.0.1:9470: taken"),
        (taking(*range(9470, 9500)), True, "127.0.0.1:9470: taken, and so are the next 20 ports"),
    ],
)
def test_a_default_port_moves_on_and_a_configured_one_does_not(
    opens: Callable[[Address], int], is_default: bool, outcome: int | str
) -> None:
    log = EventLog("test")
    address = Address("127.0.0.1", 9470)
    if isinstance(outcome, int):
        assert listen(address, is_default=is_default, open_at=opens, log=log) == outcome
    else:
        with pytest.raises(StartError) as refused:
            listen(address, is_default=is_default, open_at=opens, log=log)
        assert str(refused.value) == outcome


@pytest.mark.parametrize(
    ("text", "address", "is_loopback"),
    [
        ("127.0.0.1:1", Address("127.0.0.1", 1), True),
        ("[::1]:0", Address("::1", 0), True),
        ("localhost:65535", Address("localhost", 65535), True),
        ("*:1", Address("0.0.0.0", 1), False),
        ("0:1", Address("0.0.0.0", 1), False),
        ("[::]:1", Address("::", 1), False),
        ("127.0.0.1.evil.example:1", Address("127.0.0.1.evil.example", 1), False),
    ],
)
def test_addresses(text: str, address: Address, is_loopback: bool) -> None:
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address
    assert address.is_loopback is is_loopback


@pytest.mark.parametrize("text", ["", "1", ":1", "a", "a:", "a:x", "::1:1", "a:-1", "a:65536"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"should be"):
        Address.parse(text)
