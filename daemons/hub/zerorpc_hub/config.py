"""What `zerorpc-hub` reads from its file: models with every default, and nothing but models.

Sans-IO. The talk's three lines are a whole configuration; the same keys below `hubs: {NAME: ...}`
make several hubs in one process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from zerorpc.connection.address import parse
from zerorpc.errors import EndpointError
from zerorpc_daemon.quantities import Bytes, HostPort, Seconds, Unit
from zerorpc_daemon.rules import Fault, is_known, rule
from zerorpc_daemon.settings import Admin as AnyAdmin
from zerorpc_daemon.settings import Section, Settings
from zerorpc_hub.overlap import Spot, spot
from zerorpc_hub.policy import Balance, Policy, PoolPolicy

Kind = Literal["queue", "pubsub", "pipeline"]

# What has no meaning where there are only messages: all about methods, and about calls.
_OF_METHODS = ("pools", "idempotent")
_OF_CALLS = (
    *("balance", "max_inflight", "slow_start", "ejection", "retries"),
    *("limits.calls", "queue.timeout"),
)
# The pool that takes what no other does.
_OTHERS = "default"
_OF_SUBSCRIBERS = ("limits.subscriptions", "limits.subscription_bytes")
# A pipeline's messages wait as well, if not for a time; what subscribers miss is gone.
_MEANINGLESS: Mapping[Kind, tuple[str, ...]] = {
    "queue": _OF_SUBSCRIBERS,
    "pubsub": (*_OF_METHODS, *_OF_CALLS, "queue.max", "queue.bytes"),
    "pipeline": (*_OF_METHODS, *_OF_CALLS, *_OF_SUBSCRIBERS),
}


def _endpoint(text: str) -> str:
    try:
        parse(text)
    except EndpointError as error:
        raise ValueError(str(error)) from None
    return text


# Found out here and not when connecting, so that `--check` tells it at its place in the file.
def _remote_endpoint(text: str) -> str:
    address = parse(text)
    if address.is_everywhere or not (address.path or address.port):
        raise ValueError(f"{text!r} names no one to connect to")
    return text


def _listed(value: Any) -> Any:
    """Return one value as a list of it: most files have a single endpoint."""
    return [value] if isinstance(value, str | Mapping) else value


def _way(value: Any) -> Any:
    """Return the mapping that a bare endpoint stands for."""
    return {"bind": value} if isinstance(value, str) else value


Endpoint = Annotated[str, AfterValidator(_endpoint), Unit("endpoint")]
Remote = Annotated[str, AfterValidator(_endpoint), AfterValidator(_remote_endpoint)]
Endpoints = Annotated[tuple[Endpoint, ...], BeforeValidator(_listed)]
Globs = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Remotes = Annotated[tuple[Remote, ...], BeforeValidator(_listed)]


class Way(Section):
    """How some workers are reached, and what they are worth; a bare endpoint means `bind`."""

    bind: Endpoints = Field((), description="Where the hub listens for workers that connect.")
    connect: Remotes = Field((), description="Workers that listen, for the hub to connect to.")
    weight: int = Field(1, ge=1, le=1000, description="How many times the calls of weight 1.")
    backup: bool = Field(False, description="Only used while no other worker of its pool can be.")

    @rule
    def _leads_somewhere(self) -> Iterator[Fault]:
        if not self.bind and not self.connect:
            yield "", "should have `bind` or `connect`"


Ways = Annotated[tuple[Annotated[Way, BeforeValidator(_way)], ...], BeforeValidator(_listed)]


class Queue(Section):
    """The calls that wait because no worker can take them."""

    max: int = Field(10_000, ge=0, description="More than so many are answered `Overloaded`.")
    bytes: Bytes = Field(256 << 20, description="So are those beyond this size together.")
    timeout: Seconds = Field(
        30.0, description="A call that has waited so long is answered `Overloaded` too."
    )


class Heartbeat(Section):
    """How dead and busy peers are found. A broken connection is noticed at once, without it."""

    interval: Seconds = Field(
        1.0, gt=0, description="A peer silent for so long is sent a PING, and workers are asked."
    )
    timeout: Seconds = Field(3.0, gt=0, description="A peer silent for so long is dead.")

    @rule
    def _leaves_time_to_answer(self) -> Iterator[Fault]:
        if self.timeout < 2 * self.interval:
            yield "timeout", "should be at least twice the interval"


class Limits(Section):
    """What peers may cost, each and together."""

    # What the library itself takes, or calls that work directly would fail here.
    message_bytes: Bytes = Field(256 << 20, ge=1024, description="The largest message.")
    connections: int = Field(10_000, ge=1, description="Open at a time, clients and workers.")
    # No bound by default: behind HAProxy everyone has the same address.
    connections_per_ip: int = Field(10_000, ge=1, description="Of these from one IP address.")
    handshake: Seconds = Field(
        3.0, gt=0, description="How long a peer may take to introduce itself."
    )
    # About 1.3 kB each, beside what they say.
    calls: int = Field(
        100_000,
        ge=2,
        description="Open at a time, those that wait included; of one client no more than are"
        " left for others, so one alone may have half.",
    )
    # Some calls' worth of work is enough to keep a worker busy; the rest can still go elsewhere.
    full_bytes: Bytes = Field(
        1 << 20,
        ge=1024,
        description="With so much unsent, a worker gets no new calls, and its clients are not"
        " read, until no more than a quarter of it is left.",
    )
    # Four of the windows that our own clients open for a stream.
    unsent_bytes: Bytes = Field(
        64 << 20,
        ge=1024,
        description="With more unsent beside one message, a client is hung up on after half a"
        " second, and its new calls are answered `Overloaded` from half of it on. Any peer is hung"
        " up on at once beyond this and a message of the largest size; for workers, what may be in"
        " the queue is added.",
    )
    # Each message is held against all of them. Subscribers of zerorpc have a single one.
    subscriptions: int = Field(
        1000,
        ge=1,
        description="Prefixes that a subscriber may ask for; with more it is hung up on.",
    )
    subscription_bytes: Bytes = Field(
        65536, ge=256, description="So it is where these are longer together."
    )


class Retries(Section):
    """How many calls of lost workers may be made again."""

    # Retries without a bound make an overload of every lost worker.
    share: float = Field(0.2, ge=0, le=1, description="As a share of all calls.")
    per_second: float = Field(10.0, ge=0, description="And so many a second in any case.")


class Ejection(Section):
    """When a worker that loses calls, or leaves them overdue, gets no new ones for a while.

    A connection that breaks with calls counts once. Who connects again is recognised by its routing
    identity, or else by endpoint and IP address.
    """

    after: int | None = Field(
        5, ge=1, description="So many in a row, without one that is answered; `null`: never."
    )
    time: Seconds = Field(10.0, gt=0, description="How long, at first; doubled each time.")


class Pool(Section):
    """Workers of their own for some methods."""

    out: Ways = Field(description="Where its workers are.")
    methods: Globs = Field(description="Globs; a call goes to the first pool with one that fits.")
    balance: Balance | None = Field(None, description="As the hub's, where it is not given.")
    max_inflight: int | None = Field(None, ge=1, description="As the hub's, likewise.")

    @rule
    def _is_of_use(self) -> Iterator[Fault]:
        for key, value in (("out", self.out), ("methods", self.methods)):
            if not value:
                yield key, "is empty: the pool would get no call, or never answer one"


class Hub(Section):
    """One hub."""

    in_: Endpoints = Field((), alias="in", description="Where clients connect.")
    out: Ways = Field(
        (), description="Where workers connect; `{connect: ENDPOINT}` for workers that listen."
    )
    type: Kind = Field(
        "queue",
        description="`queue` balances calls, `pubsub` hands each message of Publishers to every"
        " Subscriber, `pipeline` each of Pushers to one Puller. What is about calls or methods is"
        " refused with the latter two.",
    )
    balance: Balance = Field(
        "least-outstanding",
        description="Which worker gets a call: the one with the fewest, the next in turn, or the"
        " one that should be done first, by its latency so far.",
    )
    max_inflight: int | None = Field(
        None, ge=1, description="Calls that a worker has at a time; the others wait in the queue."
    )
    slow_start: Seconds = Field(
        0.0, description="A worker that has just come gets its full share only after so long."
    )
    ejection: Ejection = Ejection()
    queue: Queue = Queue()
    heartbeat: Heartbeat = Heartbeat()
    limits: Limits = Limits()
    idempotent: Globs = Field(
        (), description="Globs of methods that may run twice, where their worker was lost."
    )
    retries: Retries = Retries()
    pools: dict[str, Pool] = Field({}, description="Workers for some methods only.")

    @rule
    def _is_complete(self) -> Iterator[Fault]:
        # Where pools mean nothing, they are no way out either.
        ways = self.out or (self.pools if "pools" not in self._meaningless() else ())
        for key, value in (("in", self.in_), ("out", ways)):
            if not value and self._is_meant():
                yield key, "is required"

    @rule
    def _has_what_its_type_has(self) -> Iterator[Fault]:
        # Compared with the defaults: what `--dump-config` prints has every key.
        for key in self._meaningless():
            if not _is_default(self, key):
                is_of_methods = key in _OF_METHODS
                reason = "looks at no methods" if is_of_methods else "has no use for this"
                yield key, f"a hub of type {self.type} {reason}"

    @rule
    def _weighs_workers_where_it_balances(self) -> Iterator[Fault]:
        is_balancing = self.type == "queue" or not is_known(self.type)
        for way in () if is_balancing else filter(is_known, self.out):
            for key in ("weight", "backup"):
                if not _is_default(way, key):
                    yield "out", f"a hub of type {self.type} has no use for `{key}`"

    @rule
    def _names_its_pools_apart(self) -> Iterator[Fault]:
        if _OTHERS in self.pools:
            reason = f"{_OTHERS!r} is the pool of all other methods, which `out` above makes"
            yield f"pools.{_OTHERS}", reason

    @rule
    def _connects_nowhere_twice(self) -> Iterator[Fault]:
        # What a worker is for and worth goes by its endpoint, of which it can have only one.
        seen: dict[Spot, str] = {}
        for pool, way in self.ways():
            for endpoint in way.connect:
                key, place = _key_of(pool), spot(endpoint)
                if place in seen:
                    yield key, f"{endpoint!r} is where `{seen[place]}` connects to already"
                seen.setdefault(place, key)

    def _is_meant(self) -> bool:
        return True

    def _meaningless(self) -> tuple[str, ...]:
        return _MEANINGLESS[self.type] if is_known(self.type) else ()

    def policy(self, name: str) -> Policy:
        """Return what the broker needs to know."""
        own = self._pool_policy(self.balance, self.max_inflight, ("*",))
        pools = tuple(
            (each, self._pool_policy(pool.balance, pool.max_inflight, pool.methods))
            for each, pool in self.pools.items()
        )
        return Policy(
            name=name,
            # Last, for what no other pool takes.
            pools=(*pools, (_OTHERS, own)),
            calls=self.limits.calls,
            queue_max=self.queue.max,
            queue_bytes=self.queue.bytes,
            queue_timeout=self.queue.timeout,
            idempotent=self.idempotent,
            retry_share=self.retries.share,
            retry_per_second=self.retries.per_second,
            ping=self.heartbeat.interval,
            unsent_bytes=self.limits.unsent_bytes,
        )

    def _pool_policy(
        self, balance: Balance | None, max_inflight: int | None, methods: tuple[str, ...]
    ) -> PoolPolicy:
        return PoolPolicy(
            balance=balance or self.balance,
            max_inflight=max_inflight or self.max_inflight,
            methods=methods,
            slow_start=self.slow_start,
            eject_after=self.ejection.after,
            eject_time=self.ejection.time,
        )

    def ways(self) -> list[tuple[str, Way]]:
        """Return how workers are reached, each with the name of its pool."""
        own = [(_OTHERS, way) for way in self.out]
        return own + [(name, way) for name, pool in self.pools.items() for way in pool.out]


def _key_of(pool: str) -> str:
    return "out" if pool == _OTHERS else f"pools.{pool}.out"


def _is_default(section: Section, key: str) -> bool:
    name, _, rest = key.partition(".")
    value = getattr(section, name)
    if rest:
        return not is_known(value) or _is_default(value, rest)
    return bool(value == type(section).model_fields[name].default)


class Admin(AnyAdmin):
    """The port for health checks, statistics, metrics and commands."""

    bind: HostPort | None = Field(
        "127.0.0.1:9470", description=AnyAdmin.model_fields["bind"].description
    )


class Config(Settings, Hub):
    """One hub, or several below `hubs`, whose keys are then those of a single one."""

    name: str = Field(
        "hub", min_length=1, max_length=64, description="Of a single hub, in its errors and logs."
    )
    admin: Admin = Admin()
    hubs: dict[str, Hub] = Field({}, description="Several hubs in one process, by name.")

    @rule
    def _is_one_or_several(self) -> Iterator[Fault]:
        # Compared with the defaults: what `--dump-config` prints has every key.
        is_several = is_known(self.hubs) and self.hubs
        for name, info in Hub.model_fields.items() if is_several else ():
            if getattr(self, name) != info.default:
                yield info.alias or name, "belongs into one of `hubs`"

    @rule
    def _listens_nowhere_twice(self) -> Iterator[Fault]:
        # The second would be refused by the system, but only at the start.
        seen: dict[int | str, list[tuple[Spot, str]]] = {}
        for key, endpoint in self._listening():
            place = spot(endpoint)
            there = seen.setdefault(place.at, [])
            by = next((key for other, key in there if place.overlaps(other)), None)
            if by is not None:
                yield key, f"{endpoint!r} is where `{by}` listens already"
            there.append((place, key))

    def _listening(self) -> Iterator[tuple[str, str]]:
        for name, hub in self.named().items():
            prefix = f"hubs.{name}." if self.hubs else ""
            yield from ((f"{prefix}in", endpoint) for endpoint in hub.in_)
            for pool, way in hub.ways():
                yield from ((f"{prefix}{_key_of(pool)}", each) for each in way.bind)
        # The default moves on to a free port.
        bind = self.admin.bind
        if bind is not None and is_known(bind) and not _is_default(self.admin, "bind"):
            yield "admin.bind", f"tcp://{bind}"

    @rule
    def _names_its_hubs(self) -> Iterator[Fault]:
        if "" in self.hubs:
            yield "hubs", "a hub has an empty name, which nobody could read in a log"

    def _is_meant(self) -> bool:
        return not self.hubs

    def named(self) -> dict[str, Hub]:
        """Return the hubs by name, a single one too."""
        return dict(self.hubs) if self.hubs else {self.name: self}
