"""docs/protocol.md says what the code does: traces, table of states and limits are compared."""

from __future__ import annotations

import re
from pathlib import Path

import msgpack
import pytest

import zerorpc.channel
import zerorpc.limits
from tests.docs import protocol_traces
from zerorpc import wire
from zerorpc.patterns import describe_exception

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def fenced(name: str) -> str:
    """The block under the marker of a trace."""
    found = re.search(rf"<!-- trace: {name} -->\n```\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None, f"docs/protocol.md has no block <!-- trace: {name} -->"
    return found[1].rstrip("\n")


def marked(name: str) -> str:
    """The text between a pair of begin and end markers."""
    text = PAGE.read_text()
    return text.split(f"<!-- {name}: begin -->")[1].split(f"<!-- {name}: end -->")[0]


@pytest.mark.parametrize("name", protocol_traces.TRACES)
def test_trace_on_the_page_is_the_generated_one(name: str) -> None:
    assert fenced(name) == protocol_traces.page(name), (
        "run `python -m tests.docs.protocol_traces` and paste the block into docs/protocol.md"
    )


@pytest.mark.parametrize("name", protocol_traces.TRACES)
def test_trace_is_what_msgpack_writes(name: str) -> None:
    for event in protocol_traces.TRACES[name]:
        plain = [event.header, event.name, event.args]
        assert msgpack.packb(plain, use_bin_type=True) == protocol_traces.encode(event)


def test_deadline_entry_is_what_msgpack_writes() -> None:
    spelled = re.sub(r"  +.*", "", fenced("deadline"), flags=re.MULTILINE)
    entry = bytes.fromhex(spelled.replace("\n", " "))
    assert msgpack.unpackb(b"\x81" + entry) == {"deadline_ms": 30000}


@pytest.mark.parametrize("name", protocol_traces.TRACES)
def test_trace_is_what_the_library_reads_and_writes(name: str) -> None:
    codec = wire.Codec()
    for event in protocol_traces.TRACES[name]:
        blob = protocol_traces.encode(event)
        read = codec.decode(blob)
        assert (read.header, read.name, read.args) == (event.header, event.name, event.args)
        assert codec.event(read) == blob


def test_the_error_of_the_trace_is_what_a_server_says() -> None:
    args = protocol_traces.TRACES["error"][-1].args
    assert list(describe_exception(NameError("nope"))) == args


def table_rows(text: str) -> list[list[str]]:
    """The cells of the Markdown table in a text, spaces trimmed."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_states_on_the_page_are_those_of_the_channel() -> None:
    of_page = table_rows(marked("states"))
    of_code = table_rows(zerorpc.channel.__doc__ or "")
    assert len(of_code) > 2
    assert of_page[:1] + of_page[2:] == of_code[:1] + of_code[2:], (
        "docs/protocol.md 6.1 and the head of zerorpc/channel.py must show the same table"
    )


def test_limits_on_the_page_are_those_of_the_code() -> None:
    units = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    shown = {}
    for name, default, *_ in table_rows(marked("limits"))[2:]:
        number, _, unit = default.partition(" ")
        shown[name.strip("`")] = int(number.replace(",", "")) * units[unit]
    assert shown == zerorpc.Limits()._asdict()
