"""The command line of a daemon: what it prints, and one line and status 2 for each mistake."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.runtime.mill import __main__ as mill_main
from tests.integration.runtime.mill.__main__ import PROGRAM
from tests.integration.runtime.running import call, running
from zerorpc_daemon import run


@pytest.fixture
def taken() -> Iterator[str]:
    """An address where someone listens already."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_daemon_needs_little_beside_its_configuration_and_core() -> None:
    assert len(inspect.getsource(mill_main).splitlines()) < 40


def test_check_tells_all_problems_at_once(tmp_path: Path) -> None:
    file = tmp_path / "mill.yml"
    file.write_text("wheel: {speed: no}\ngat: x\nlog: {level: 1}\ndrain_timeout: 1:30\ngat: y\n")
    status, out, err = call("--check", file)
    assert (status, out) == (2, "")
    told = [line.removeprefix(f"{file}:").split(" (")[0] for line in err.splitlines()]
    assert told == [
        "1:16: wheel.speed: should be a whole number, not false",
        "2:1: gat: unknown key; did you mean 'gate'?",
        "3:14: log.level: should be debug, info, warning or error, not 1",
        "4:16: drain_timeout: 1:30 is read as 90",
        "5:1: gat: the key is repeated, it stands already in line 2",
    ]


def test_check_and_dump_of_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mill.yml"
    file.write_text("wheel: {speed: 4}\n")
    assert call("--check", file) == (0, f"{file}: ok\n", "")
    assert run(PROGRAM, ["--dump-config", str(file)]) == 0
    dumped = capsys.readouterr().out
    assert dumped.startswith("wheel:\n  speed: 4\n")
    file.write_text(dumped)
    assert run(PROGRAM, ["--dump-config", str(file)]) == 0
    assert capsys.readouterr() == (dumped, "")


@pytest.mark.parametrize(
    ("option", "status", "words"),
    [
        ("--version", 0, "zerorpc-mill 0."),
        ("--help", 0, "TERM, INT      drain"),
        ("--nonsense", 2, "unrecognized arguments: --nonsense"),
    ],
)
def test_options(option: str, status: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(PROGRAM, [option])
    assert ended.value.code == status
    assert words in "".join(capsys.readouterr())


@pytest.mark.parametrize("text", ["admin: {bind: 'TAKEN'}", "flour: 'TAKEN'"])
def test_a_port_that_is_taken_is_one_line_and_status_2(
    text: str, tmp_path: Path, taken: str
) -> None:
    file = tmp_path / "mill.yml"
    file.write_text(text.replace("TAKEN", taken))
    status, out, err = call(file)
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("zerorpc-mill: ")
    assert err.lower().endswith(f"{taken}: address already in use\n"), err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "mill.yml: cannot be read: No such file or directory"),
        ("admin: {token_file: /nowhere/x}", "admin.token_file: /nowhere/x: no such file or"),
        ("log: {file: /nowhere/x}", "zerorpc-mill: log.file: /nowhere/x: no such file or"),
        ("admin: {bind: 'host:1'}", "admin.bind: others than this machine can connect"),
    ],
)
def test_other_mistakes_are_one_line_and_status_2(
    text: str | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mill.yml"
    if text is not None:
        file.write_text(text)
    assert run(PROGRAM, [str(file)]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert complaint in told.err


def test_check_looks_for_the_token_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, secret = tmp_path / "mill.yml", tmp_path / "token"
    file.write_text(f"admin: {{token_file: {secret}}}\n")
    assert run(PROGRAM, ["--check", str(file)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"admin.token_file: {secret}: no such file" in told.err
    secret.write_text("short\n")
    assert run(PROGRAM, ["--check", str(file)]) == 2
    assert "shorter than 16 characters" in capsys.readouterr().err
    for token in ("long enough for a token", "grün-und-lang-genug"):
        secret.write_text(f"{token}\n")
        assert run(PROGRAM, ["--check", str(file)]) == 2
        assert f"{secret}: should be printable ASCII without" in capsys.readouterr().err
    secret.write_text("long-enough-for-a-token \n")
    assert run(PROGRAM, ["--check", str(file)]) == 0


def test_a_default_port_that_is_taken_moves_on(tmp_path: Path, taken: str) -> None:
    with running(tmp_path, MILL_PORT=taken) as daemon:
        line = daemon.hear("default port is taken")
        assert (line["endpoint"], line["instead"]) == (taken, daemon.admin)
        assert daemon.ask("/healthz").status == 200
