"""A daemon's life: ready, reloaded, drained or cut off, with the exit status that says which."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.integration.faults.processes import wait_until
from tests.integration.runtime.running import running

FIXED = "drain_timeout: 20\nadmin: {bind: '127.0.0.1:0'}\n"


def test_it_is_ready_drains_for_the_first_signal_and_ends_well(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        assert daemon.hear("ready")["pid"] == daemon.pid
        assert daemon.ask("/readyz").status == 200
        daemon.do("begin", name="rye")
        daemon.signal(signal.SIGTERM)
        daemon.hear("draining")
        answered = daemon.ask("/readyz")
        assert (answered.status, answered.value) == (503, {"status": "draining"})
        assert daemon.ask("/healthz").status == 200
        daemon.do("finish", name="rye")
        assert daemon.wait() == 0
        assert daemon.hear("closed")["unfinished"] == []


def test_while_it_drains_it_takes_no_new_configuration(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        daemon.do("begin", name="rye")
        daemon.signal(signal.SIGTERM)
        daemon.hear("draining")
        daemon.configure("wheel: {speed: 7}\n")
        answered = daemon.ask("/reload", "POST")
        assert (answered.status, answered.value) == (409, {"error": "it is draining"})
        assert daemon.ask("/stats").value["speed"] == 1
        daemon.do("finish", name="rye")
        assert daemon.wait() == 0


def test_an_idle_one_ends_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "admin: {bind: null}\n") as daemon:
        assert daemon.hear("ready")["admin"] is None
        daemon.signal(signal.SIGINT)
        assert daemon.wait() == 0


def test_a_second_signal_cuts_off_what_is_in_progress(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        daemon.do("begin", name="rye")
        daemon.signal(signal.SIGTERM)
        daemon.hear("draining")
        daemon.signal(signal.SIGINT)
        assert daemon.wait() == 3
        assert daemon.hear("closed")["unfinished"] == ["rye"]


def test_draining_ends_with_its_timeout(tmp_path: Path) -> None:
    with running(tmp_path, "drain_timeout: 50ms\n") as daemon:
        daemon.do("begin", name="rye")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 3
        assert daemon.hear("stopping")["is_everything_finished"] is False


def test_while_it_starts_it_waits_with_a_reload_and_ends_at_once(tmp_path: Path) -> None:
    gate, log = tmp_path / "gate", tmp_path / "mill.log"
    text = f"gate: {gate}\nlog: {{level: debug, file: {log}}}\n"

    def has(words: str) -> bool:
        return log.exists() and words in log.read_text()

    with running(tmp_path, text) as daemon:
        wait_until(lambda: has('"listening"'), "the admin port is there")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: has("do it once it runs"), "the signal has come")
        gate.touch()
        wait_until(lambda: has('"reloaded"'), "it was reloaded after its start")
        assert log.read_text().index('"ready"') < log.read_text().index('"reloaded"')
    gate.unlink()
    log.unlink()
    with running(tmp_path, text) as daemon:
        wait_until(lambda: has('"listening"'), "the admin port is there")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0


def test_a_reload_takes_over_what_it_can_and_names_the_rest(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        assert daemon.ask("/stats").value["speed"] == 1
        daemon.configure("wheel: {speed: 7}\nflour: '127.0.0.1:1'\nadmin: {bind: '[::1]:0'}\n")
        daemon.signal(signal.SIGHUP)
        assert daemon.hear("takes effect after a restart")["keys"] == ["flour", "admin.bind"]
        assert daemon.ask("/stats").value["speed"] == 7
        daemon.configure("wheel: {speed: 0}\n")
        assert daemon.do("reload") == {"status": "reloaded"}
        answered = daemon.ask("/readyz")
        assert (answered.status, answered.value) == (503, {"status": "the wheel stands still"})
        about = daemon.ask("/stats").value["daemon"]
        assert (about["reloads"], about["is_ready"]) == ({"ok": 2, "refused": 0}, False)


def test_a_reload_with_problems_changes_nothing_and_tells_them_all(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        daemon.hear("ready")
        daemon.configure("wheel: {sped: 7}\ngat: x\n")
        daemon.signal(signal.SIGHUP)
        assert daemon.hear("reload refused")["problems"] == [
            f"{daemon.file}:1:9: wheel.sped: unknown key; did you mean 'speed'?",
            f"{daemon.file}:2:1: gat: unknown key; did you mean 'gate'?",
        ]
        # The mistake is the user's: it shows no traceback.
        assert all("traceback" not in str(line).lower() for line in daemon.lines)
        daemon.configure("wheel: {speed: 13}\nlog: {level: error}\n")
        answered = daemon.ask("/reload", "POST")
        assert (answered.status, answered.value) == (409, {"error": "nobody turns 13 times"})
        daemon.configure("log: {file: /nowhere/mill.log}\n")
        assert "/nowhere/mill.log: no such file" in daemon.ask("/reload", "POST").text
        assert daemon.ask("/stats").value["daemon"]["reloads"] == {"ok": 0, "refused": 3}
        assert daemon.ask("/stats").value["speed"] == 1
        daemon.do("shout", times=1)
        assert daemon.hear("shouted")["level"] == "info"


def test_a_log_file_that_was_moved_is_opened_anew(tmp_path: Path) -> None:
    log, moved = tmp_path / "mill.log", tmp_path / "mill.log.1"
    with running(tmp_path, f"log: {{file: {log}}}\n") as daemon:
        wait_until(lambda: log.exists() and '"ready"' in log.read_text(), "it is ready")
        log.rename(moved)
        daemon.signal(signal.SIGUSR1)
        wait_until(lambda: log.exists() and log.read_text(), "there is a new file")
        assert json.loads(log.read_text().splitlines()[0])["event"] == "log opened anew"
        log.unlink()
        tmp_path.chmod(0o555)
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        tmp_path.chmod(0o755)
    assert daemon.lines == []


def test_the_process_is_replaced_with_what_it_has_in_hand(tmp_path: Path) -> None:
    with running(tmp_path, "flour: '127.0.0.1:0'\n") as daemon:
        daemon.do("begin", name="rye")
        daemon.configure("wheel: {speed: 3}\n")
        daemon.signal(signal.SIGUSR2)
        assert daemon.hear("ready", 2)["pid"] == daemon.pid
        daemon.lines = daemon.lines[-1:]  # the new admin port may be another one
        assert daemon.ask("/jobs").value == ["rye"]
        assert daemon.ask("/stats").value["speed"] == 3
        for text, reason in (("wheel: 1\n", "should be a mapping"), ("wheel: {speed: 13}\n", "13")):
            daemon.configure(text)
            count = sum(line["event"] == "replacement refused" for line in daemon.lines)
            daemon.signal(signal.SIGUSR2)
            assert reason in daemon.hear("replacement refused", count + 1)["problems"][0]
        assert daemon.ask("/jobs").value == ["rye"]
        # Signals are taken as before.
        daemon.signal(signal.SIGTERM)
        daemon.hear("draining")
        daemon.do("finish", name="rye")
        assert daemon.wait() == 0


@pytest.mark.parametrize("key", ["admin: {token_file", "log: {file"])
def test_a_fifo_is_not_waited_for(tmp_path: Path, key: str) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    with running(tmp_path, FIXED) as daemon:
        daemon.hear("ready")
        daemon.configure(f"{key}: {fifo}}}\n")
        answered = daemon.ask("/reload", "POST")
        assert answered.status == 409
        assert f"{fifo}: " in answered.value["error"]
        daemon.configure(FIXED)
        assert daemon.do("reload") == {"status": "reloaded"}


def test_whoever_is_asked_to_end_makes_no_new_process_of_itself(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        daemon.do("begin", name="rye")
        daemon.signal(signal.SIGUSR2)
        daemon.signal(signal.SIGTERM)
        assert daemon.hear("replacement refused")["problems"] == ["it is draining"]
        daemon.do("finish", name="rye")
        assert daemon.wait() == 0
        assert sum(line["event"] == "ready" for line in daemon.lines) == 1
