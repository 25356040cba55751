"""Whatever pullers do, each message goes to one of them, once, and in order; none is lost here."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from zerorpc_hub.pipeline import Pipeline, Puller
from zerorpc_hub.switch import Send


class Pipelines(RuleBasedStateMachine):
    """Pullers that come, pause, go on and leave with something that they did not take."""

    pullers = Bundle("pullers")

    def __init__(self) -> None:
        super().__init__()
        self.pipeline = Pipeline(5, 1000)
        self.pushed = 0
        self.names = 0
        self.got: dict[str, list[int]] = {}
        self.paused: set[str] = set()

    def deliver(self, sends: list[Send]) -> None:
        for peer, frames in sends:
            assert peer not in self.paused
            self.got[peer].append(int(bytes(frames[0])))

    @rule(count=st.integers(1, 4))
    def push(self, count: int) -> None:
        numbers = range(self.pushed, self.pushed + count)
        self.pushed += count
        self.deliver(self.pipeline.from_pusher([[b"%d" % number] for number in numbers]))

    @rule(target=pullers)
    def come(self) -> Puller:
        self.names += 1
        name = f"p{self.names}"
        self.got[name] = []
        puller, sends = self.pipeline.add_puller(name)
        self.deliver(sends)
        return puller

    @rule(puller=pullers)
    def pause(self, puller: Puller) -> None:
        self.pipeline.pause(puller)
        self.paused.add(puller.peer)

    @rule(puller=pullers)
    def resume(self, puller: Puller) -> None:
        self.paused.discard(puller.peer)
        self.deliver(self.pipeline.resume(puller))

    @rule(puller=consumes(pullers), untaken=st.integers(0, 3))
    def leave(self, puller: Puller, untaken: int) -> None:
        got = self.got[puller.peer]
        kept = max(0, len(got) - untaken)
        unsent, got[kept:] = got[kept:], []
        self.paused.discard(puller.peer)
        sends = self.pipeline.remove_puller(puller, [[b"%d" % number] for number in unsent])
        self.deliver(sends)

    @invariant()
    def every_message_is_somewhere_once(self) -> None:
        taken = [number for numbers in self.got.values() for number in numbers]
        assert len(taken) == len(set(taken)) == self.pipeline.sent
        assert len(taken) + self.pipeline.queued == self.pushed == self.pipeline.received
        assert self.pipeline.is_full == (self.pipeline.queued >= 5)
        assert not self.pipeline.queued or set(map(_name, self.pipeline.pullers)) <= self.paused


def _name(puller: Puller) -> str:
    name: str = puller.peer
    return name


TestPipelines = Pipelines.TestCase
