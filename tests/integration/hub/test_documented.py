"""What the hub's README lists is what hubs serve, nothing less and nothing more."""

from __future__ import annotations

import ast
import re
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import zerorpc
from tests.integration.hub.conftest import Start, Work
from tests.integration.hub.process import HubProcess
from tests.integration.running import Dial, Keep, begin, outcome, wait_until
from tests.programs import ROOT

OPERATIONS = ROOT / "docs" / "operations.md"
RUNTIME = ROOT / "daemons" / "runtime" / "README.md"
README = ROOT / "daemons" / "hub" / "README.md"
THREE = """\
hubs:
  calls: {in: "tcp://127.0.0.1:*", out: "tcp://127.0.0.1:*"}
  news: {type: pubsub, in: "tcp://127.0.0.1:*", out: "tcp://127.0.0.1:*"}
  jobs: {type: pipeline, in: "tcp://127.0.0.1:*", out: "tcp://127.0.0.1:*"}
"""
# Below these stand names that differ from one hub to the next.
_BY_NAME = {"by_endpoint", "by_worker", "by_method", "by_subscriber", "by_puller", "pools"}
_BY_REASON = {"closed", "refused_connections", "refused", "dropped"}
_PARTS = ("zerorpc/connection", "zerorpc/zmtp", "zerorpc/peek.py", "daemons/hub/zerorpc_hub")
# Arguments of these calls, and keys of these counters, are reasons.
_CALLS = {"close", "finish", "ZmtpError", "RemoteProtocolError"}
_COUNTERS = {"dropped", "refused"}


class Methods:
    """One method."""

    def good(self) -> int:
        return 1


@pytest.fixture
def hub(start: Start, work: Work, dial: Dial, keep: Keep) -> HubProcess:
    """Hubs of all types, each with peers on both sides and something that went through."""
    hub = start(THREE)
    work(Methods(), hub.endpoint("out", "calls"))
    hub.await_workers(1, "calls")
    client = dial(hub.endpoint("in", "calls"))
    assert outcome(begin(client.good)) == 1
    with pytest.raises(zerorpc.RemoteError):
        client.bad()
    for side, kind in (("in", zerorpc.Publisher), ("in", zerorpc.Pusher)):
        name = "news" if kind is zerorpc.Publisher else "jobs"
        keep(kind()).connect(hub.endpoint(side, name))
    keep(zerorpc.Subscriber(Methods())).connect(hub.endpoint("out", "news"))
    keep(zerorpc.Puller(Methods())).connect(hub.endpoint("out", "jobs"))
    for name in ("news", "jobs"):
        wait_until(partial(is_complete, hub, name), f"both peers of {name}")
    return hub


def is_complete(hub: HubProcess, name: str) -> bool:
    rows = hub.statistics(name)["by_endpoint"].values()
    return all(row["peers"] == 1 for row in rows)


def listed(heading: str, page: Path = README) -> set[str]:
    """Return what the first column of the table with this heading names."""
    _, found, rest = page.read_text().partition(f"| {heading} |")
    assert found, f"no table of {heading}"
    rows = rest.split("\n\n")[0].split("\n")[2:]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_metrics(hub: HubProcess) -> None:
    address = hub.events("ready")[-1]["admin"]
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    served = {
        f"{each.name}_total" if each.type == "counter" else each.name
        for each in families
        if each.name.startswith("zerorpc_")
    }
    # The parser takes the end of this name for the type that it is.
    served = {name if name != "zerorpc_daemon" else "zerorpc_daemon_info" for name in served}
    assert served == listed("metric") | listed("metric", RUNTIME)
    alarms = set(re.findall(r"zerorpc_(?:hub|daemon)_\w+", OPERATIONS.read_text()))
    assert alarms <= served


def test_statistics(hub: HubProcess) -> None:
    served = {key for name in ("calls", "news", "jobs") for key in keys(hub.statistics(name))}
    assert served == listed("key")
    assert set(keys(hub.ask("/stats")["daemon"])) == listed("key", RUNTIME)


def keys(row: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield the keys of statistics, without the names of endpoints, workers and so on."""
    for key, value in row.items():
        if key in _BY_NAME:
            for each in value.values():
                yield from keys(each)
        elif key in (*_BY_REASON, "workers") and isinstance(value, dict) and not above:
            yield key
        elif isinstance(value, dict):
            yield from keys(value, f"{key}.")
        else:
            yield above + key


def test_reasons() -> None:
    known = set(re.findall(r"`(\w+)`", README.read_text()))
    missing = sorted({reason for reason in reasons() if reason not in known})
    assert not missing, f"say in {README.name} what these mean: {missing}"


def reasons() -> Iterator[str]:
    """Yield every reason that the code counts by."""
    for part in _PARTS:
        path = ROOT / part
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield from reasons_of(file)


def reasons_of(file: Path) -> Iterator[str]:
    """Yield those of one file: literals in the calls and counters that know reasons."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            named = ast.unparse(node.func).rpartition(".")[2]
            literals = ast.walk(node.args[0]) if named in _CALLS and node.args else ()
        elif isinstance(node, ast.Subscript):
            named = ast.unparse(node.value).rpartition(".")[2]
            literals = ast.walk(node.slice) if named in _COUNTERS else ()
        else:
            continue
        for each in literals:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value
