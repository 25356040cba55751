"""The command line as data: the talk's own lines, stock's options, and what is refused."""

from __future__ import annotations

import pytest

from zerorpc.cli.arguments import Options, parse
from zerorpc.cli.outcome import Mistake
from zerorpc.cli.parser import option_names, value_options


def parsed(*words: str) -> Options:
    return parse(words, "zerorpc-client", "zerorpc-client 1.2.3")


def test_the_talk_exposes_a_module() -> None:
    options = parsed("--server", "--bind", "tcp://0:1234", "urllib.parse")
    assert options == Options(is_server=True, bind=("tcp://0:1234",), target="urllib.parse")


def test_the_talk_calls_a_method() -> None:
    options = parsed("tcp://0:1234", "quote", "hello pycon")
    assert options == Options(
        connect=("tcp://0:1234",), target="quote", parameters=("hello pycon",)
    )


def test_the_talk_lists_methods() -> None:
    assert parsed("tcp://localhost:1234") == Options(connect=("tcp://localhost:1234",))


@pytest.mark.parametrize("question", [("-?",), ("-", "?"), ("--inspect",)])
def test_the_talk_asks_for_a_signature(question: tuple[str, ...]) -> None:
    options = parsed("tcp://localhost:1234", "quote_plus", *question)
    assert options.is_inspect
    assert (options.target, options.parameters) == ("quote_plus", ())


def test_the_question_mark_of_the_slide_can_still_be_a_parameter() -> None:
    options = parsed("tcp://localhost:1234", "echo", "--", "-", "?")
    assert not options.is_inspect
    assert options.parameters == ("-", "?")


def test_the_talk_joins_a_hub_as_a_worker() -> None:
    options = parsed("--server", "tcp://localhost:2222", "urllib")
    assert options == Options(is_server=True, connect=("tcp://localhost:2222",), target="urllib")


@pytest.mark.parametrize("address", ["tcp://*:1234", "tcp://*:*", "tcp://127.0.0.1:*"])
def test_a_server_listens_where_connecting_cannot_be_meant(address: str) -> None:
    assert parsed("--server", address, "time").bind == (address,)


@pytest.mark.parametrize("address", ["tcp://0:1234", "tcp://10.0.0.7:1", "ipc:///run/hub"])
def test_a_server_connects_to_a_plain_address_as_stock_does(address: str) -> None:
    assert parsed("--server", address, "time").connect == (address,)


def test_with_bind_or_connect_the_first_word_is_the_method() -> None:
    options = parsed("--connect", "tcp://a:1", "--bind", "tcp://*:2", "--connect", "tcp://b:3", "m")
    assert options.connect == ("tcp://a:1", "tcp://b:3")
    assert options.bind == ("tcp://*:2",)
    assert options.target == "m"


def test_options_may_stand_anywhere() -> None:
    options = parsed(
        "tcp://a:1", "--timeout", "2.5", "add", "-j", "1", "-pj", "-2", "--heartbeat=3"
    )
    assert (options.timeout, options.heartbeat) == (2.5, 3)
    assert options.is_json_in
    assert options.is_json_out
    assert options.parameters == ("1", "-2")


def test_words_after_two_dashes_are_parameters() -> None:
    assert parsed("tcp://a:1", "run", "--", "--version", "--", "-j").parameters == (
        "--version",
        "--",
        "-j",
    )


@pytest.mark.parametrize("off", ["0", "none", "None", "off"])
def test_limits_can_be_switched_off(off: str) -> None:
    options = parsed("tcp://a:1", "--timeout", off, "--heartbeat", off)
    assert options.timeout is None
    assert options.heartbeat is None


def test_server_options() -> None:
    options = parsed("--server", "tcp://*:1", "m", "--pool-size", "7", "--grace", "0")
    assert options.pool_size == 7
    assert options.grace == 0


def test_measuring_options() -> None:
    options = parsed("tcp://a:1", "m", "--async", "100", "--concurrency", "5")
    assert (options.repeat, options.concurrency, options.is_measurement) == (100, 5, True)
    assert parsed("tcp://a:1", "m", "--bench", "0.5").bench == 0.5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "no address given"),
        ("--server", "no address given"),
        ("--server --bind tcp://*:1", "MODULE or OBJECT"),
        ("--server urllib.parse", 'no address given beside "urllib.parse": --bind ADDRESS'),
        ("--server --bind tcp://*:1 a b", '"b" is too much'),
        ("--server --client tcp://*:1 a", "not allowed with"),
        ("--server --bind tcp://*:1 a --bench 1", "are for calls"),
        ("tcp://a:1 --bench 1", "needs a METHOD"),
        ("tcp://a:1 m --concurrency 2", "goes with --bench"),
        ("tcp://a:1 m --bench 1 --async 2", "not allowed with"),
        ("tcp://a:1 m --timeout soon", '"soon" is no number of seconds, nor 0 or none'),
        ("tcp://a:1 m --timeout -1", "no positive number of seconds, nor 0 or none"),
        ("tcp://a:1 m --timeout inf", "no positive number of seconds, nor 0 or none"),
        ("tcp://a:1 m --bench 0", "no positive number of seconds;"),
        ("tcp://a:1 m --grace 1", "is for --server"),
        ("tcp://a:1 m --bench 1 -?", "--inspect shows a method"),
        ("tcp://a:1 m --pool-size 1.5", "not a whole number"),
        ("tcp://a:1 m --pool-size 0", "not a whole number"),
        ("tcp://a:1 m --verbose", "go after --"),
        ("--completion tcsh", "invalid choice"),
    ],
)
def test_what_does_not_fit_is_a_mistake_in_one_line(words: str, told: str) -> None:
    with pytest.raises(Mistake) as caught:
        parsed(*words.split())
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "ignored"),
    [
        ("tcp://a:1 m -j -pj --timeout 3 --active-hb -?", []),
        ("--server tcp://a:1 m --pool-size 3 --grace 3 --heartbeat 3", []),
        ("tcp://a:1 m --pool-size 3", ["--pool-size"]),
        ("--server tcp://a:1 m --timeout 3 -j -?", ["--timeout", "--inspect", "--json"]),
        ("--server tcp://a:1 m -pj --active-hb", ["--print-json", "--active-hb"]),
    ],
)
def test_options_of_the_other_side_are_named(words: str, ignored: list[str]) -> None:
    assert parsed(*words.split()).ignored == ignored


def test_help_shows_examples_and_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed("--help")
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert "zerorpc-client --server --bind tcp://0:1234 urllib.parse" in shown
    assert "exit status:" in shown
    assert "--complete " not in shown


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--version")
    assert capsys.readouterr().out == "zerorpc-client 1.2.3\n"


def test_completion_learns_the_options_from_the_parser() -> None:
    assert {"--bind", "--async", "-?", "-pj"} <= set(option_names())
    assert "--complete" not in option_names()
    assert {"--timeout", "--completion", "--connect"} <= value_options()
    assert not {"--json", "--server", "--help", "--version"} & value_options()
