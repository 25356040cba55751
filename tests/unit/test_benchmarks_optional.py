"""A peer that the benchmarks do without, and one whose server has programs of its own to end."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from benchmarks import roster
from benchmarks.contest import Entry, started
from benchmarks.peers import rabbitmq
from benchmarks.peers.load import in_window, side_by_side

# A server that takes the endpoint as `peer.py` does, and tells how it was ended.
SERVER = """\
    #!{python} -S
    import pathlib, signal, socket, sys
    def leave(*_):
        pathlib.Path(__file__).with_name("told").touch()
        sys.exit()
    signal.signal(signal.SIGTERM, leave)
    with socket.create_server(("127.0.0.1", int(sys.argv[-1].rpartition(":")[2]))) as listener:
        while True:
            listener.accept()
"""


def install(peers: Path, name: str) -> None:
    (peers / name).mkdir()
    (peers / name / "installed").touch()


def with_broker(peers: Path) -> dict[str, Path]:
    """Give a place where a broker is as good as installed."""
    return {"nameko": peers}


def test_only_the_optional_peer_may_be_missing(tmp_path: Path) -> None:
    install(tmp_path, "stock")
    (line,) = roster.absent(tmp_path)
    assert line.startswith("bench peers are absent")
    install(tmp_path, "bench")
    assert roster.absent(tmp_path) == []
    everyone = (roster.OURS, *roster.RIVALS)
    assert roster.present(*everyone, peers=tmp_path, programs=with_broker(tmp_path)) == [
        name for name in everyone if name != roster.NAMEKO
    ]


def test_one_line_says_how_to_get_the_peer_that_is_left_out(tmp_path: Path) -> None:
    programs = with_broker(tmp_path)
    (line,) = roster.left_out(tmp_path, programs)
    assert line.startswith("nameko is left out")
    command = line.rpartition(": ")[2].split()
    assert command[:1] + command[2:] == ["sh", ".peers", "nameko"]
    assert (roster.ROOT / command[1]).exists()
    install(tmp_path, "nameko")
    assert roster.left_out(tmp_path, programs) == []
    assert roster.present(roster.NAMEKO, peers=tmp_path, programs=programs) == [roster.NAMEKO]


def test_a_peer_is_left_out_without_the_broker_that_it_needs(tmp_path: Path) -> None:
    install(tmp_path, "nameko")
    programs = {"nameko": tmp_path / "absent"}
    assert len(roster.left_out(tmp_path, programs)) == 1
    assert roster.present(roster.NAMEKO, peers=tmp_path, programs=programs) == []


def test_an_installation_that_was_cut_short_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "nameko" / "bin").mkdir(parents=True)
    (tmp_path / "nameko" / "bin" / "python").symlink_to(sys.executable)
    programs = with_broker(tmp_path)
    assert roster.present(roster.NAMEKO, peers=tmp_path, programs=programs) == []


def test_a_broker_keeps_to_its_folder_and_to_the_loopback_interface(tmp_path: Path) -> None:
    settings = rabbitmq.settings(tmp_path, 1001, 1002, 1003)
    files = {"HOME", "RABBITMQ_MNESIA_BASE", "RABBITMQ_LOG_BASE", "RABBITMQ_PID_FILE"}
    assert all(Path(settings[name]).is_relative_to(tmp_path) for name in files)
    assert settings["RABBITMQ_NODE_IP_ADDRESS"] == settings["ERL_EPMD_ADDRESS"] == "127.0.0.1"
    assert "{127,0,0,1}" in settings["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]
    ports = [settings[f"RABBITMQ_{kind}_PORT"] for kind in ("NODE", "DIST")]
    assert [*ports, settings["ERL_EPMD_PORT"]] == ["1001", "1003", "1002"]
    # Two at once are two nodes.
    assert (
        settings["RABBITMQ_NODENAME"] != rabbitmq.settings(tmp_path, 1, 2, 3)["RABBITMQ_NODENAME"]
    )


@pytest.mark.parametrize("has_company", [True, False])
def test_a_server_with_company_is_asked_to_end_it(tmp_path: Path, has_company: bool) -> None:
    script = tmp_path / "server"
    script.write_text(textwrap.dedent(SERVER).format(python=sys.executable))
    script.chmod(0o755)
    peer = roster.Peer("p", "p", script, has_company)
    with started(Entry("p", peer, peer)):
        pass
    assert (tmp_path / "told").exists() == has_company


def test_runs_side_by_side_tell_the_calls_of_all() -> None:
    issued: list[int] = []
    runs = [in_window(lambda: issued.append(0), lambda _: None, 3) for _ in range(4)]
    assert len(side_by_side(runs)(0.0)) == len(issued) == 12
