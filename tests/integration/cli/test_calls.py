"""Calls with values of every kind, their results for people and for programs, and measuring."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.cli.commands import Command, run, serving


def test_parameters_are_text(service: str) -> None:
    assert run(service, "echo", "1", "-2", "--", "--x").stdout == "['1', '-2', '--x']\n"


def test_parameters_are_json(service: str, tmp_path: Path) -> None:
    (tmp_path / "value.json").write_text('{"from": "file"}')
    words = ("1.5", "null", f"@{tmp_path}/value.json", "-")
    done = run("-j", "-pj", service, "echo", *words, stdin='{"from":\n "stdin"}\n')
    assert json.loads(done.stdout) == [1.5, None, {"from": "file"}, {"from": "stdin"}]


def test_results_that_json_has_no_words_for(service: str) -> None:
    assert run(service, "data").stdout == "{1: b'\\xff', 'text': 'ü'}\n"
    assert json.loads(run("--print-json", service, "data").stdout) == {"1": "/w==", "text": "ü"}


def test_a_stream_is_printed_item_by_item(service: str) -> None:
    assert run(service, "count", "3").stdout == "0\n1\n2\n"
    assert run("-pj", service, "count", "3").stdout == "[0,1,2]\n"
    assert run("-pj", service, "count", "0").stdout == "[]\n"


def test_items_are_printed_as_they_come(service: str) -> None:
    # The second item would come after an hour.
    with Command(service, "-j", "count", "2", "3600") as client:
        client.wait_for(lambda command: command.out == "0\n")
        assert client.is_running


def test_methods_are_listed(service: str) -> None:
    assert run(service).stdout.splitlines()[:3] == [
        "[Service]",
        "add Add two things.",
        "count Count up to N.",
    ]
    signatures = run(service, "-?").stdout.splitlines()
    assert signatures[1] == "add(a: Any, b: Any) -> Any"
    assert signatures[2] == "count(n: Any, pause: float = 0) -> Iterator[int] [stream]"
    listed = json.loads(run("-pj", service).stdout)
    assert listed["name"] == "Service"
    assert listed["methods"]["count"]["stream"] is True


def test_a_service_is_measured(service: str) -> None:
    words = ("-j", "-pj", service, "add", "1", "2")
    counted = json.loads(run("--async", "50", *words).stdout)
    assert (counted["calls"], counted["failed"]) == (50, 0)
    assert 0 < counted["min_ms"] <= counted["p50_ms"] <= counted["p99_ms"] <= counted["max_ms"]
    timed = json.loads(run("--bench", "0.2", "--concurrency", "10", *words).stdout)
    assert timed["seconds"] >= 0.2
    assert timed["calls_per_second"] > 0
    assert run("--async", "3", service, "count", "10").stdout.startswith("calls 3\nfailed 0\n")


def test_a_measurement_of_failures_shows_the_first(service: str) -> None:
    done = run("--async", "5", service, "fail", "badly")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "ValueError: badly"


def test_several_endpoints(service: str) -> None:
    with serving("services.Service") as other:
        words = ("--connect", service, "--connect", other.endpoint, "-j", "add", "1", "2")
        assert run(*words).stdout == "3\n"


def test_a_server_on_several_endpoints(tmp_path: Path) -> None:
    with serving("--bind", f"ipc://{tmp_path}/socket", "services.Service") as server:
        assert run("-j", f"ipc://{tmp_path}/socket", "add", "1", "2").stdout == "3\n"
        assert run("-j", server.endpoint, "add", "1", "2").stdout == "3\n"
        assert f'binding to "ipc://{tmp_path}/socket"' in server.errors


def test_a_subclass_of_server_exposes_what_it_adds() -> None:
    with serving("services.Own") as server:
        assert run(server.endpoint).stdout == "[Own]\nhello Greet.\n"


def test_a_subclass_of_server_has_settled_some_options_already() -> None:
    with serving("--pool-size", "1", "--heartbeat", "2", "services.Own") as server:
        for option in ("--pool-size", "--heartbeat"):
            text = f'{option} means nothing to "services.Own", which is a Server already'
            assert text in server.errors


def test_no_heartbeat_and_no_timeout(service: str) -> None:
    words = ("--heartbeat", "none", "--timeout", "0", "-j", service, "add", "1", "2")
    assert run(*words).stdout == "3\n"
    assert run("--active-hb", "--heartbeat", "0.5", "-j", service, "add", "1", "2").stdout == "3\n"


def test_debug_shows_the_way(service: str) -> None:
    done = run("-d", service, "echo")
    assert done.stdout == "[]\n"
    assert f'connecting to "{service}"' in done.stderr
