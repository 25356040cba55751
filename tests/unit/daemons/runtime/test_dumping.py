"""What is in effect, as YAML that means the same when it is read again."""

from __future__ import annotations

from tests.unit.daemons.runtime.models import load
from zerorpc_daemon.dumping import dump

TEXT = """\
in: ["no", "1:30", "010", "~", "1e3", "on"]
name: "yes"
out: {connect: [a]}
stones: {"off": {max: 3}, "1": {}}
log: {file: /var/log/mill}
"""


def test_a_dump_reads_back_as_the_same() -> None:
    mill = load(TEXT)
    assert load(dump(mill)) == mill


def test_all_values_are_there_the_daemon_s_own_first() -> None:
    lines = dump(load("in: x\n")).split("\n")
    assert lines[0] == "in: x"
    assert "  timeout: 10.0" in lines
    assert lines.index("log:") > lines.index("name: mill")


def test_secrets_are_left_out_and_said_to_be() -> None:
    dumped = dump(load("in: x\nadmin: {token: 0123456789abcdefgh}\n"))
    assert dumped.startswith("# admin.token: set, and not shown\n")
    assert "0123456789abcdefgh" not in dumped
    assert load(dumped).admin.token is None
