"""The hubs of one process, as the daemon's runtime drives them."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

import gevent
import gevent.socket
from gevent.pool import Group
from prometheus_client import Metric

from zerorpc.errors import EndpointError
from zerorpc_daemon.core import Core, Refused, Replace, StartError
from zerorpc_daemon.journal import EventLog
from zerorpc_hub import handover
from zerorpc_hub.config import Config, Hub
from zerorpc_hub.doors import wishes
from zerorpc_hub.exposition import exposed
from zerorpc_hub.overlap import spot
from zerorpc_hub.proxy import Proxy
from zerorpc_hub.steering import Steering
from zerorpc_hub.succession import Heritage, export

# Descriptors for everything that is no connection: log, admin port, epoll, listeners.
_OTHER_FILES = 64
# Of the three generations: so many objects more, and how often the one before.
_THRESHOLDS = (20_000, 20, 50)


class HubCore(Core[Config]):
    """Starts, drains, reloads and ends the hubs of a configuration."""

    def __init__(self, config: Config, log: EventLog) -> None:
        self._config, self._log = config, log
        self.proxies: dict[str, Proxy] = {}
        # Hubs that a reload has removed and that drain, each with the greenlet that waits for it;
        # and these greenlets until they have hung up, too.
        self._retiring: dict[Proxy, gevent.Greenlet[..., None]] = {}
        self._retirements = Group()
        self._is_draining = False
        self._stopped: float | None = None  # when the process of before has stopped to serve
        steering = Steering(self.proxies, log)
        self.commands, self.views = steering.commands, steering.views

    def start(self) -> None:
        """Open all endpoints of all hubs, or none of them."""
        self._allow_files(self._config)
        # Before anything is taken over: it takes a while, in which nobody would serve.
        _collect_less()
        heritages = self._inherit()
        try:
            for name, hub in self._config.named().items():
                self.proxies[name] = self._opened(name, hub, heritages.pop(name, None))
        except EndpointError as error:
            self.close()
            raise StartError(str(error)) from None
        for heritage in heritages.values():
            heritage.close()
        if self._stopped is not None:
            pause = round(monotonic() - self._stopped, 4)
            count = sum(len(each.board.connections) for each in self.proxies.values())
            self._log.info("taken over", connections=count, pause_s=pause)

    def _opened(self, name: str, hub: Hub, heritage: Heritage | None = None) -> Proxy:
        proxy = Proxy(name, hub, self._log)
        if heritage is None:
            proxy.open()
        else:
            proxy.open(heritage.listening)
            heritage.go_on(proxy)
        return proxy

    # -- the next process --------------------------------------------------------------------

    def _inherit(self) -> dict[str, Heritage]:
        """Return what the process of before has left, by the names of hubs."""
        try:
            taken = handover.take(os.environ)
        except OSError as error:
            self._log.error("nothing could be taken over", reason=str(error))
            return {}
        if taken is None:
            return {}
        state, descriptors = taken
        shares = {
            name: Heritage(each, descriptors[start:end])
            for name, (each, start, end) in state["hubs"].items()
        }
        self._stopped = state.get("stopped")
        return shares

    def upgrade(self, config: Config, replace: Replace) -> None:
        """Have a copy of this process serve until the new one has started and asks for all."""
        before = self._config
        # All that the new process might fail at is done by this one, which goes on if it does.
        self.reload(config)
        try:
            # They are not handed over: nobody there would know what they are.
            self._retirements.join()
            self._hand_over(replace)
        except Exception:
            self._go_back(before)
            raise

    def _hand_over(self, replace: Replace) -> None:
        end = handover.OldEnd()
        try:
            replace([end.descriptor], end.environment, partial(self._serve_until_asked, end))
        finally:
            # Also after an error: the copy hears of it in its own way.
            end.close()

    def _go_back(self, config: Config) -> None:
        """Reload what was in force before an upgrade that has failed."""
        # A signal to end is why it failed: what is opened now would only be in the way.
        if self._is_draining:
            return
        try:
            self.reload(config)
        except (Refused, OSError) as error:
            self._log.error("the new configuration stays in force", reason=str(error))

    def _serve_until_asked(self, end: handover.OldEnd) -> None:
        # All this time the loop goes on here, and calls with it.
        gevent.socket.wait_read(end.fileno())
        version = end.asked()
        if version == handover.VERSION:
            # From here to the end nothing gives the loop a turn: what is exported stays true.
            stopped, descriptors = monotonic(), list[int]()
            hubs = {}
            for name, proxy in self.proxies.items():
                start = len(descriptors)
                own: list[int] = []
                state = export(proxy, own)
                descriptors += own
                hubs[name] = (state, start, len(descriptors))
            end.give({"hubs": hubs, "stopped": stopped}, descriptors)
            return
        if version is not None:
            # It cannot read our state: it gets the endpoints, and what we have is finished here.
            for proxy in self.proxies.values():
                proxy.close_doors()
            end.give({"hubs": {}}, ())
            with gevent.Timeout(self._config.drain_timeout, False):  # type: ignore[arg-type]
                self.drain()
        self.close()

    def drain(self) -> None:
        """Take no new calls, and return once those in progress are over."""
        self._is_draining = True
        # Together, for they share one `drain_timeout`, those that a reload has removed included.
        leaving = [*self.proxies.values(), *self._take_retiring()]
        until = monotonic() + self._config.drain_timeout
        gevent.joinall([gevent.spawn(each.drain, until) for each in leaving])

    def close(self) -> None:
        """Tell everyone who still waits, and hang up."""
        leaving = [*self.proxies.values(), *self._take_retiring()]
        gevent.joinall([gevent.spawn(each.close) for each in leaving])
        self.proxies.clear()
        self._retiring.clear()
        # And for those that were drained before, and hang up just now.
        self._retirements.join()

    def reload(self, config: Config) -> Sequence[str]:
        """Open and close hubs and endpoints, and change what the policies say.

        All that may fail comes first, so that a refusal leaves everything as it was.
        """
        if self._is_draining:
            raise Refused("it is about to end")
        wanted = config.named()
        for name, proxy in self.proxies.items():
            if name in wanted and wanted[name].type != proxy.hub.type:
                raise Refused(f"hub {name!r}: the type needs a restart")
        self._allow_files(config)
        self._expect_no_move(wanted)
        self._change(wanted)
        self._config = config
        # Nothing of a hub takes a restart.
        return ()

    def _expect_no_move(self, wanted: Mapping[str, Hub]) -> None:
        """Raise `Refused` where what is new is to listen at a place that is not free yet."""
        # The system would say so, too, but not by whom: what goes is closed after what comes.
        there = [
            (spot(door.endpoint), name, door.endpoint)
            for name, proxy in self.proxies.items()
            for door in proxy.doors.values()
            if not door.wish.is_dialled
        ]
        for name, hub in wanted.items():
            kept = self.proxies[name].doors if name in self.proxies else {}
            new = (each for each in wishes(hub) if not each.is_dialled and each.key not in kept)
            for wish in new:
                here = spot(wish.endpoint)
                for place, by, endpoint in there:
                    if here.overlaps(place):
                        raise Refused(
                            f"cannot bind {wish.endpoint}: hub {by!r} itself listens there, as"
                            f" {endpoint}; another name, side or spelling needs a restart"
                        )

    def _change(self, wanted: Mapping[str, Hub]) -> None:
        added: dict[str, Proxy] = {}
        changes = []
        try:
            for name, hub in wanted.items():
                if name in self.proxies:
                    changes.append(self.proxies[name].plan(hub))
                else:
                    added[name] = self._opened(name, hub)
        except BaseException as error:
            # Of any kind: it may be descriptors that have run out.
            for change in changes:
                change.abandon()
            for proxy in added.values():
                proxy.close()
            if isinstance(error, EndpointError):
                raise Refused(str(error)) from None
            raise
        # From here on nothing can fail.
        for change in changes:
            change.apply()
        for name in self.proxies.keys() - wanted.keys():
            # Not waited for: whoever asked for the reload would take it for hanging.
            proxy = self.proxies.pop(name)
            self._retiring[proxy] = self._retirements.spawn(self._retire, proxy)
        self.proxies |= added

    def _retire(self, proxy: Proxy) -> None:
        """End a hub that the configuration has no more, as a whole daemon would end."""
        timeout = self._config.drain_timeout
        with gevent.Timeout(timeout, False):  # type: ignore[arg-type]
            proxy.drain(monotonic() + timeout)
        del self._retiring[proxy]
        proxy.close()

    def _take_retiring(self) -> list[Proxy]:
        """Return the removed hubs that still drain, whose end is now up to the caller."""
        gevent.killall(list(self._retiring.values()))
        return list(self._retiring)

    def unready(self) -> str | None:
        """Return which hub has no one to send to."""
        return next(filter(None, (each.unready() for each in self.proxies.values())), None)

    def status(self) -> str:
        """Return how many peers there are and what is in progress."""
        # With those that a reload has removed: they are why it does not end yet.
        there = [*self.proxies.values(), *self._retiring]
        peers = sum(len(each.board.connections) for each in there)
        calls = sum(each.traffic.in_progress for each in there)
        return f"{peers} connections, {calls} in progress"

    def statistics(self) -> Mapping[str, Any]:
        """Return what each hub counted."""
        return {"hubs": {name: proxy.statistics() for name, proxy in self.proxies.items()}}

    def metrics(self) -> Iterable[Metric]:
        """Return the same for Prometheus."""
        return exposed({name: proxy.statistics() for name, proxy in self.proxies.items()})

    def _allow_files(self, config: Config) -> None:
        """Raise the soft limit of descriptors to what the configuration may need."""
        needed = _OTHER_FILES + sum(hub.limits.connections for hub in config.named().values())
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        if allowed > soft:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            except (OSError, ValueError):  # a sandbox may forbid the call itself
                allowed = hard = soft
        if allowed < needed:
            self._log.warning(
                "the limit of open files is below limits.connections", limit=hard, needed=needed
            )


def _collect_less() -> None:
    """Look for garbage in cycles less often, and never among what stays to the end."""
    # Calls and messages leave no cycles, but so many of them come and go that looking cost 6 % of
    # the time of a busy hub.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
