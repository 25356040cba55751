"""What a server logs of calls that failed: its own mistakes, not those of its callers."""

from __future__ import annotations

import logging

import pytest

import zerorpc
from tests.integration.running import Dial, Serve


def mistaken() -> None:
    undefined_name  # type: ignore[name-defined]  # noqa: B018, F821 - the mistake


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "zerorpc.server")
    return caplog


def test_a_mistake_in_a_method_is_logged(
    serve: Serve, dial: Dial, warnings: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(zerorpc.RemoteError):
        dial(serve({"mistaken": mistaken})).mistaken()
    assert "mistaken failed with NameError" in warnings.text
    assert "Traceback" not in warnings.text


def test_a_method_that_there_is_not_is_no_news(
    serve: Serve, dial: Dial, warnings: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(zerorpc.RemoteError):
        dial(serve({"mistaken": mistaken})).missing()
    assert "missing" not in warnings.text


def test_an_error_of_another_server_is_no_news(
    serve: Serve, dial: Dial, warnings: pytest.LogCaptureFixture
) -> None:
    behind = dial(serve({"mistaken": mistaken}))
    with pytest.raises(zerorpc.RemoteError):
        dial(serve({"relay": behind.mistaken})).relay()
    assert "relay failed" not in warnings.text


def test_the_traceback_is_logged_where_one_looks_closely(
    serve: Serve, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "zerorpc.server")
    with pytest.raises(zerorpc.RemoteError):
        dial(serve({"mistaken": mistaken})).mistaken()
    assert "in mistaken" in caplog.text


FORGED = "x\nERROR root: disk on fire\x1b[31m" + "y" * 100_000


def one_harmless_line(caplog: pytest.LogCaptureFixture, begins: str) -> bool:
    """Tell whether a message was logged that begins so and can do a log no harm."""
    messages = [each.getMessage() for each in caplog.records]
    found = [each for each in messages if each.startswith(begins)]
    return bool(found) and all(each.isprintable() and len(each) < 1000 for each in found)


def test_a_caller_writes_no_lines_of_its_own(
    serve: Serve, dial: Dial, warnings: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(zerorpc.RemoteError, match="disk on fire"):
        dial(serve({"find": lambda name: {}[name]})).find(FORGED)
    assert one_harmless_line(warnings, "find failed with KeyError")


def test_nor_by_a_name_nor_where_events_are_logged(
    serve: Serve, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "zerorpc")
    client = dial(serve({}))
    client.debug = True
    with pytest.raises(zerorpc.RemoteError):
        client(FORGED)
    assert one_harmless_line(caplog, "x\\nERROR root")
    assert one_harmless_line(caplog, "--> x\\nERROR root")
