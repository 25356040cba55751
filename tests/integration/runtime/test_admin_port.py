"""The admin port as browsers, probes, Prometheus and people meet it."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.runtime.running import running

TOKEN = "a-token-of-enough-characters"


def test_it_tells_how_the_daemon_is(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        health = daemon.ask("/healthz")
        assert (health.status, health.value) == (200, {"status": "ok"})
        assert daemon.ask("/healthz", "HEAD").text == ""
        stats = daemon.ask("/stats").value
        assert (stats["jobs"], stats["id"]) == (0, "00ff")
        assert (stats["daemon"]["name"], stats["daemon"]["pid"]) == ("zerorpc-mill", daemon.pid)
        assert stats["daemon"]["status"] == "0 jobs"
        text = daemon.ask("/metrics").text
        found = {each.name: each.samples for each in text_string_to_metric_families(text)}
        assert found["mill_jobs"][0].value == 0
        assert found["zerorpc_daemon_ready"][0].value == 1
        assert found["zerorpc_daemon_info"][0].labels["daemon"] == "zerorpc-mill"
        assert "process_resident_memory_bytes" in found
        openmetrics = daemon.ask("/metrics", accept="application/openmetrics-text; version=1.0.0")
        assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
        assert openmetrics.text.endswith("# EOF\n")


def test_commands_of_the_daemon_and_of_all_daemons(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        index = daemon.ask("/").value
        assert index["POST"]["/begin"] == "Begin a job called `name`."
        assert index["GET"]["/jobs"] == "Jobs that begin with `prefix`."
        assert daemon.do("begin", name="rye") == ["rye"]
        assert daemon.ask("/begin?name=oat", "POST").value == ["oat", "rye"]
        assert daemon.ask("/jobs?prefix=o").value == ["oat"]
        for path, body, status, error in [
            ("/begin", {}, 400, "which job?"),
            ("/finish", {"name": "x"}, 404, "no such job"),
            ("/begin", [1], 400, "the body should be a JSON object"),
            ("/break", {}, 500, "failed; the log says why"),
            ("/nothing", {}, 404, "not here; see /"),
            ("/jobs", {}, 405, "use GET, HEAD"),
            ("/log-level", {"level": "loud"}, 400, "level should be one of debug"),
        ]:
            answered = daemon.ask(path, "POST", body)
            assert answered.status == status
            assert answered.value["error"].startswith(error)
        line = daemon.hear("request failed")
        assert line["error"] == "ZeroDivisionError: stones of size 0"
        assert "in fail\n" in line["traceback"]
        assert daemon.do("log-level", level="error") == {"level": "error"}
        daemon.do("shout", times=1)
        daemon.do("log-level", level="info")
        daemon.do("shout", times=2)
        daemon.hear("shouted", 2)


def test_a_token_guards_all_but_probes(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    text = f"admin: {{bind: '*:0', token_file: {secret}}}\n"
    with running(tmp_path, text) as daemon:
        assert daemon.ask("/healthz").status == 200
        assert daemon.ask("/readyz").status == 200
        assert [daemon.ask(path).status for path in ("/", "/stats", "/metrics")] == [401] * 3
        assert daemon.ask("/begin?name=rye", "POST").status == 401
        assert daemon.ask("/stats", Authorization="Bearer x").status == 401
        assert daemon.ask("/stats", Authorization=f"Bearer {TOKEN}").status == 200
        secret.write_text("another-token-of-some-length")
        assert daemon.ask("/reload", "POST", Authorization=f"Bearer {TOKEN}").status == 200
        assert daemon.ask("/stats", Authorization=f"Bearer {TOKEN}").status == 401


def test_web_pages_of_others_may_not_ask(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        assert daemon.ask("/begin?name=x", "POST", Origin="http://evil.example").status == 403
        assert daemon.ask("/stats", Host="evil.example:9470").status == 403
        assert daemon.ask("/stats", Host="localhost:9470").status == 200
        assert daemon.ask("/jobs").value == []


def test_rude_peers_harm_nobody(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        host, _, port = daemon.admin.rpartition(":")
        for data in (
            b"\x16\x03\x01\x02\x00",
            b"GET\r\n\r\n",
            b"POST /begin HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"x" * 99999,
        ):
            rude = socket.create_connection((host, int(port)), 20)
            # The daemon may hang up before all is said, and then there is nothing to shut down.
            with rude, suppress(OSError):
                rude.sendall(data + b"\r\n\r\n")
                rude.shutdown(socket.SHUT_WR)
                while rude.recv(65536):
                    pass
        silent = [socket.create_connection((host, int(port))) for _ in range(5)]
        assert daemon.ask("/healthz").status == 200
        for each in silent:
            each.close()
        assert json.dumps(daemon.ask("/stats").value)


def test_lines_that_repeat_are_counted(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        daemon.do("shout", times=1000)
        assert daemon.ask("/stats").value["daemon"]["log"]["suppressed"] == 990
        assert sum(line["event"] == "shouted" for line in daemon.lines) <= 10
