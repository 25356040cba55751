"""What a hub's file may say, what it means, and what is said about mistakes in it."""

from __future__ import annotations

import re

import pytest

from zerorpc_daemon.document import parse
from zerorpc_daemon.dumping import dump
from zerorpc_daemon.problems import ConfigError
from zerorpc_daemon.validation import validate
from zerorpc_hub.config import Config
from zerorpc_hub.template import text

TALK = 'in: "tcp://*:1111"\nout: "tcp://*:2222"\ntype: queue\n'


def read(yaml: str) -> Config:
    return validate(parse(yaml, "foo.yml"), Config)


def problems(yaml: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(yaml)
    return [str(each) for each in caught.value.problems]


def test_the_file_of_the_talk_is_a_whole_configuration() -> None:
    config = read(TALK)
    ((name, hub),) = config.named().items()
    assert (name, hub.in_, hub.type) == ("hub", ("tcp://*:1111",), "queue")
    assert [(pool, way.bind) for pool, way in hub.ways()] == [("default", ("tcp://*:2222",))]
    assert config.drain_timeout == 5.0


def test_endpoints_come_alone_or_as_lists_and_workers_may_be_connected_to() -> None:
    hub = read(
        "in: [tcp://0:1, 'tcp://[::1]:1', ipc:///run/hub]\n"
        "out:\n"
        "- tcp://*:2\n"
        "- connect: tcp://host:3\n"
        "  weight: 3\n"
        "- {bind: [tcp://*:4, tcp://*:5], backup: true}\n"
    )
    ways = [way for _, way in hub.ways()]
    assert len(hub.in_) == 3
    assert [way.bind + way.connect for way in ways] == [
        ("tcp://*:2",),
        ("tcp://host:3",),
        ("tcp://*:4", "tcp://*:5"),
    ]
    assert [(way.weight, way.backup) for way in ways] == [(1, False), (3, False), (1, True)]
    assert read("in: tcp://*:1\nout: {connect: tcp://host:3}").out[0].connect == ("tcp://host:3",)


def test_several_hubs_have_the_keys_of_one() -> None:
    config = read("hubs:\n  a: {in: tcp://*:1, out: tcp://*:2}\n  b: {in: ipc://x, out: ipc://y}")
    assert {name: hub.in_ for name, hub in config.named().items()} == {
        "a": ("tcp://*:1",),
        "b": ("ipc://x",),
    }


def test_pools_take_their_methods_before_the_rest() -> None:
    config = read(TALK + "max_inflight: 4\npools: {slow: {out: tcp://*:3, methods: 'report_*'}}")
    policy = config.policy("foo")
    assert [(name, pool.methods, pool.max_inflight) for name, pool in policy.pools] == [
        ("slow", ("report_*",), 4),
        ("default", ("*",), 4),
    ]


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("out: tcp://*:2", "foo.yml:1:1: in: is required"),
        ("in: tcp://*:1", "foo.yml:1:1: out: is required"),
        ("in: tcp://*:x\nout: tcp://*:2", "foo.yml:1:5: in: 'tcp://*:x' has no port"),
        ("in: tcp://*:1\nout: {bind: []}", "foo.yml:2:6: out: should have `bind` or `connect`"),
        ("in: tcp://*:1\nout: {connect: tcp://*:2}", "foo.yml:2:16: out.connect: 'tcp://*:2' na"),
        (TALK + "pools: {a: {out: [], methods: x}}", "foo.yml:4:13: pools.a.out: is empty"),
        (TALK + "pools: {a: {out: ipc://a, methods: []}}", "foo.yml:4:27: pools.a.methods: is emp"),
        ("hubs: {'': {in: ipc://a, out: ipc://b}}", "foo.yml:1:1: hubs: a hub has an empty name"),
        (TALK + "tpye: queue", "foo.yml:4:1: tpye: unknown key; did you mean 'type'?"),
        ("in: tcp://*:1\nout: {bnd: tcp://*:2}", "foo.yml:2:7: out.bnd: unknown key; did you mean"),
        (TALK + "balance: random", "foo.yml:4:10: balance: should be least-outstanding, round-"),
        (TALK + "heartbeat: {timeout: 1}", "foo.yml:4:13: heartbeat.timeout: should be at least"),
        (TALK + "limits: {connections: no}", "foo.yml:4:23: limits.connections: should be a whole"),
        (TALK + "hubs: {a: {in: tcp://*:1, out: tcp://*:2}}", "foo.yml:1:1: in: belongs into one"),
        ("type: pubsub\nin: ipc://a\nout: ipc://b\npools: {}\n" * 2, "foo.yml:5:1: type: the key"),
    ],
)
def test_mistakes_are_told_at_their_place(yaml: str, problem: str) -> None:
    assert problems(yaml)[0].startswith(problem)


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        (
            "in: [tcp://*:1, tcp://0:1]\nout: tcp://*:2",
            "1:1: in: 'tcp://0:1' is where `in` listens",
        ),
        ("in: ipc://a\nout: [tcp://*:2, ipc://a]", "2:1: out: 'ipc://a' is where `in` listens"),
        (TALK + "pools: {p: {out: tcp://*:1111, methods: x}}", "4:13: pools.p.out: 'tcp://*:1111'"),
        (
            "in: tcp://127.0.0.1:1\nout: ipc://a\nadmin: {bind: '127.0.0.1:1'}",
            "3:9: admin.bind: 'tcp://127.0.0.1:1' is where `in` listens already",
        ),
        (
            "hubs:\n  a: {in: ipc://a, out: ipc://b}\n  b: {in: ipc://b, out: ipc://c}",
            "3:7: hubs.b.in: 'ipc://b' is where `hubs.a.out` listens already",
        ),
        (
            "in: tcp://*:1\nout: [tcp://*:2, 'tcp://127.0.0.1:1']",
            "2:1: out: 'tcp://127.0.0.1:1' is where `in` listens already",
        ),
        (
            "in: tcp://[::1]:1\nout: ipc://a\npools: {p: {out: 'tcp://[::]:1', methods: x}}",
            "3:13: pools.p.out: 'tcp://[::]:1' is where `in` listens already",
        ),
    ],
)
def test_an_endpoint_that_is_given_twice_is_told_before_the_start(yaml: str, problem: str) -> None:
    (told,) = problems(yaml)
    assert told.startswith(f"foo.yml:{problem}")


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        (
            "out: {connect: tcp://h:1}\npools: {p: {out: {connect: 'tcp://h:1'}, methods: x}}",
            "3:13: pools.p.out: 'tcp://h:1' is where `out` connects to already",
        ),
        (
            "out: [{connect: [tcp://localhost:1, tcp://h:1]}, {connect: 'tcp://127.0.0.1:1'}]",
            "2:1: out: 'tcp://127.0.0.1:1' is where `out` connects to already",
        ),
    ],
)
def test_a_worker_is_connected_to_once(yaml: str, problem: str) -> None:
    """Its second connection would belong to one pool, and after a reload to the other."""
    (told,) = problems("in: tcp://*:1\n" + yaml)
    assert told == f"foo.yml:{problem}"


def test_each_hub_may_connect_to_the_same_worker() -> None:
    out = "out: {connect: tcp://h:1}"
    read(f"hubs:\n  a: {{in: ipc://a, {out}}}\n  b: {{in: ipc://b, {out}}}\n")


def test_ports_that_the_system_chooses_are_never_the_same() -> None:
    read("in: ['tcp://*:*', 'tcp://*:0']\nout: ['tcp://*:*', {connect: tcp://h:1}, tcp://*:1]")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    yaml = "out: tcp://*:2\nquue: {}\nheartbeat: {interval: 5, timeout: 3, tmeout: 2}\n"
    assert problems(yaml + "pools: {p: {out: {weight: 2}, methods: x, foo: 1}}") == [
        "foo.yml:1:1: in: is required",
        "foo.yml:2:1: quue: unknown key; did you mean 'queue'?",
        "foo.yml:3:38: heartbeat.tmeout: unknown key; did you mean 'timeout'?",
        "foo.yml:3:26: heartbeat.timeout: should be at least twice the interval",
        "foo.yml:4:43: pools.p.foo: unknown key",
        "foo.yml:4:18: pools.p.out: should have `bind` or `connect`",
    ]


def test_a_hub_that_carries_messages_is_told_everything_too() -> None:
    yaml = (
        "type: pubsub\nheartbeat: {interval: 5, timeout: 3}\nlimits: {calls: x, unsent_bytes: {}}"
    )
    no_use = "a hub of type pubsub has no use for this"
    assert problems(yaml + "\npools: {p: {out: tcp://*:3, methods: x}}\nretries: {share: x}") == [
        "foo.yml:1:1: in: is required",
        "foo.yml:1:1: out: is required",
        "foo.yml:2:26: heartbeat.timeout: should be at least twice the interval",
        "foo.yml:3:17: limits.calls: should be a whole number, not 'x'",
        "foo.yml:3:34: limits.unsent_bytes: should be a whole number, not a mapping",
        f"foo.yml:3:10: limits.calls: {no_use}",
        "foo.yml:4:1: pools: a hub of type pubsub looks at no methods",
        "foo.yml:5:18: retries.share: should be a number, not 'x'",
        f"foo.yml:5:1: retries: {no_use}",
    ]


def test_several_hubs_are_told_everything_too() -> None:
    hubs = "hubs:\n  a: {in: {x: 5}, out: tcp://*:6}\n  b: {}\n"
    assert problems("in: tcp://*:1\nout: tcp://*:2\n" + hubs) == [
        "foo.yml:1:1: in: belongs into one of `hubs`",
        "foo.yml:2:1: out: belongs into one of `hubs`",
        "foo.yml:4:11: hubs.a.in: should be text, not a mapping",
        "foo.yml:5:3: hubs.b.in: is required",
        "foo.yml:5:3: hubs.b.out: is required",
    ]


@pytest.mark.parametrize(
    "yaml",
    [
        "in: tcp://*:x\nout: tcp://*:2",
        "in: tcp://*:1\nout: 5",
        "in: tcp://*:1\nuot: tcp://*:2",
        "in: tcp://*:1\npools: 5",
        "in: tcp://*:1\npools: {p: {out: tcp://*:2, metods: x}}",
        "in: tcp://*:1\nout: {bnd: tcp://*:2}",
        "in: tcp://*:1\nout: [tcp://*:x, tcp://*:2]\ntype: pubsub",
        TALK + "heartbeat: {interval: 9s, timeot: 20s}",
        TALK + "heartbeat: {interval: 9 parsecs}",
        TALK + "hubs: 5",
        "in: tcp://*:1\nout: tcp://*:2\ntype: pubsb\nbalance: round-robin",
        "hubs: {a: 5}",
        "hbs: {a: {in: tcp://*:1, out: tcp://*:2}}",
    ],
)
def test_no_mistake_is_told_that_only_comes_of_another(yaml: str) -> None:
    assert len(problems(yaml)) == 1


ONEWAY = "in: ipc://a\nout: ipc://b\ntype: {}\n"
NO_USE = (
    *("balance: round-robin", "max_inflight: 3", "slow_start: 2s", "ejection: {after: 2}"),
    *("retries: {share: 0.5}", "limits: {calls: 5}", "queue: {timeout: 5s}"),
)


@pytest.mark.parametrize("kind", ["pubsub", "pipeline"])
@pytest.mark.parametrize("yaml", NO_USE)
def test_what_only_calls_have_is_refused_without_them(yaml: str, kind: str) -> None:
    where = problems(ONEWAY.format(kind) + yaml)[0]
    key, _, inner = yaml.partition(": {")
    in_section = key in ("limits", "queue")
    place = f"4:{len(key) + 4}: {key}.{inner.split(':')[0]}" if in_section else "4:1: "
    assert where.startswith(f"foo.yml:{place}")
    assert where.endswith(f": a hub of type {kind} has no use for this")
    read(TALK + yaml)


@pytest.mark.parametrize("kind", ["pubsub", "pipeline"])
def test_what_only_methods_have_is_refused_without_them(kind: str) -> None:
    pool = "pools: {slow: {out: ipc://c, methods: a}}"
    for yaml, key in ((pool, "pools"), ("idempotent: a", "idempotent")):
        reason = f"foo.yml:4:1: {key}: a hub of type {kind} looks at no methods"
        assert problems(ONEWAY.format(kind) + yaml) == [reason]


def test_only_subscribers_have_subscriptions() -> None:
    for yaml in ("limits: {subscriptions: 3}", "limits: {subscription_bytes: 1KiB}"):
        read(ONEWAY.format("pubsub") + yaml)
        for kind in ("pipeline", "queue"):
            (problem,) = problems(ONEWAY.format(kind) + yaml)
            assert problem.endswith(f"a hub of type {kind} has no use for this")


def test_no_pool_has_the_name_of_the_hubs_own() -> None:
    """Its workers would have been those of the other, and its endpoint nobody's."""
    (problem,) = problems(TALK + "pools: {default: {out: ipc://c, methods: 'a_*'}}")
    assert problem.startswith("foo.yml:4:9: pools.default: 'default' is the pool of all other")


@pytest.mark.parametrize("kind", ["pubsub", "pipeline"])
def test_workers_that_are_sent_no_calls_have_no_weight(kind: str) -> None:
    for key in ("weight: 2", "backup: true"):
        yaml = (
            f"hubs:\n  a: {{in: ipc://a, type: {kind}, out: [ipc://c, {{bind: ipc://b, {key}}}]}}"
        )
        (problem,) = problems(yaml)
        name = key.partition(":")[0]
        assert problem.endswith(f"hubs.a.out: a hub of type {kind} has no use for `{name}`")
        assert problem.startswith("foo.yml:2:")


def test_only_a_hub_where_messages_wait_has_a_queue() -> None:
    for yaml in ("queue: {max: 3}", "queue: {bytes: 1MiB}"):
        read(ONEWAY.format("pipeline") + yaml)
        assert "has no use for this" in problems(ONEWAY.format("pubsub") + yaml)[0]


def test_what_is_dumped_reads_back_as_the_same() -> None:
    oneway = [ONEWAY.format(kind) for kind in ("pubsub", "pipeline")]
    for yaml in (*oneway, TALK, "hubs: {a: {in: tcp://*:1, out: {connect: tcp://host:2}}}"):
        config = read(yaml)
        assert read(dump(config)) == config


def test_the_template_is_the_talks_file_with_all_defaults_explained() -> None:
    written = text()
    assert read(written) == read(TALK)
    everything = re.sub(r"(?m)^# (?= *[a-z_]+:)", "", written)
    assert read(everything) == read(TALK)
    assert everything.count("\n") > 30


def test_the_examples_of_the_template_can_be_used() -> None:
    head, _, _ = text().partition("\n\n")
    out, pools, hubs = text().split("\n\n")[-3:]
    uses = [re.sub(r"(?m)^#: ", "", each) for each in (out, pools, hubs)]
    ways = read(head.replace('out: "tcp://*:2222"', uses[0]) + "\n").out
    assert [(way.weight, way.backup) for way in ways] == [(1, False), (2, False), (1, True)]
    assert set(read(f"{head}\n{uses[1]}").pools) == {"reports"}
    assert set(read(uses[2]).hubs) == {"calls", "news"}
