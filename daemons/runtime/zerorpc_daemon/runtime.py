"""Runs a daemon: takes signals, begins and ends what `phases` says, keeps the pulse.

The one module that does things to the process as a whole. What a daemon is for is in its core;
whatever goes wrong in there is logged here and costs no more than it must.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic

import gevent
import gevent.queue
from gevent.lock import BoundedSemaphore

from zerorpc_daemon.admin import Admin
from zerorpc_daemon.core import C, Refused, StartError
from zerorpc_daemon.insight import Insight
from zerorpc_daemon.journal import EventLog, Journal
from zerorpc_daemon.lag import LoopLag
from zerorpc_daemon.listener import Listener, listen, tcp_socket
from zerorpc_daemon.loading import load
from zerorpc_daemon.notify import Notifier
from zerorpc_daemon.phases import Action, Event, LifeCycle, Phase
from zerorpc_daemon.problems import ConfigError, one_line
from zerorpc_daemon.program import Exit, Program, complain
from zerorpc_daemon.quantities import Address
from zerorpc_daemon.replacing import SameCommandLine
from zerorpc_daemon.secret import token_of
from zerorpc_daemon.settings import LEVELS
from zerorpc_daemon.signals import reporting

# How often the loop shows that it turns.
_PULSE_S = 0.5
# A core that cannot let go must not keep the process.
_CLOSE_S = 5.0
# For the last lines, where the reader of the log is slow.
_FLUSH_S = 2.0


class Runtime(Generic[C]):
    """One daemon from its start to its exit status.

    Raises `StartError` where the log or the token cannot be had.
    """

    def __init__(self, program: Program[C], file: str | None, config: C) -> None:
        self._program, self._file, self._config = program, file, config
        self._log = EventLog(program.name)
        self._notifier = Notifier(os.environ, os.getpid())
        token = token_of(config.admin)
        self._journal = _journal(config)
        self._life = LifeCycle()
        self._lag = LoopLag(self._pulse_s(), time.monotonic())
        self._core = program.core(config, self._log)
        self._insight = Insight(
            program.name, self._core, self._life, self._journal, self._lag, _in_thread
        )
        own = {"log-level": self._set_level, "reload": self._reload_for_caller}
        self._admin = Admin(
            self._insight.pages(), self._core.views, {**self._core.commands, **own}, token
        )
        self._listener: Listener | None = None
        self._happened: gevent.queue.Queue[Event] = gevent.queue.Queue()
        self._failure: Exception | None = None
        self._work: gevent.Greenlet[..., None] | None = None  # starting or draining
        self._reloading = BoundedSemaphore()
        self._is_open = False

    def run(self) -> Exit:
        """Return once it was told to stop and did, or could not start."""
        # Or they would go to standard error as bare text, past the log.
        gevent.get_hub().print_exception = self._log_uncaught  # type: ignore[method-assign,assignment]
        with reporting(self._happened.put):
            pulse = gevent.spawn(self._keep_pulse)
            try:
                return self._live()
            finally:
                pulse.kill()
                self._close()

    def _live(self) -> Exit:
        self._open_admin()
        self._work = gevent.spawn(self._start)
        while True:
            event = self._happened.get()
            action = self._life.on(event)
            self._log.debug("life", happened=event.value, action=action.value)
            if action in _ENDS:
                return self._end(action)
            doing = self._doings().get(action)
            if doing is not None:
                doing()

    def _doings(self) -> Mapping[Action, Callable[[], Any]]:
        return {
            Action.ANNOUNCE: self._announce,
            Action.DRAIN: self._begin_to_drain,
            # Apart, so that a signal to stop is not held up by a reload that waits for something.
            Action.RELOAD: partial(gevent.spawn, self.reload),
            Action.REOPEN: partial(gevent.spawn, self._reopen),
            Action.UPGRADE: partial(gevent.spawn, self._upgrade),
        }

    # -- start -------------------------------------------------------------------------------

    def _open_admin(self) -> None:
        settings = self._config.admin
        if settings.bind is None:
            return
        listening = listen(
            Address.parse(settings.bind),
            is_default="bind" not in settings.model_fields_set,
            open_at=tcp_socket,
            log=self._log,
        )
        self._listener = Listener(listening, self._admin, self._log)
        self._log.debug("listening", admin=str(self._listener.address))

    def _start(self) -> None:
        self._is_open = True
        try:
            self._core.start()
        except Exception as error:  # told where the status is decided
            self._failure, self._is_open = error, False
            self._happened.put(Event.FAILED)
        else:
            self._happened.put(Event.STARTED)

    def _announce(self) -> None:
        self._notifier.ready(self._core.status())
        admin = str(self._listener.address) if self._listener is not None else None
        self._log.info("ready", pid=os.getpid(), admin=admin, config=self._file)
        for event in self._life.postponed():
            self._happened.put(event)

    # -- end ---------------------------------------------------------------------------------

    def _begin_to_drain(self) -> None:
        self._notifier.stopping(self._config.drain_timeout)
        self._log.info("draining", timeout_s=self._config.drain_timeout)
        self._work = gevent.spawn(self._drain, self._config.drain_timeout)

    def _drain(self, timeout: float) -> None:
        is_drained = False
        with gevent.Timeout(timeout, False):  # type: ignore[arg-type]  # False: no exception
            try:
                self._core.drain()
                is_drained = True
            except Exception:
                self._log.exception("draining failed")
        self._happened.put(Event.DRAINED if is_drained else Event.TOO_LATE)

    def _end(self, action: Action) -> Exit:
        if action is Action.FAIL:
            return self._tell_failure()
        is_cut_off = action is Action.CUT_OFF
        self._log.info("stopping", is_everything_finished=not is_cut_off)
        return Exit.CUT_OFF if is_cut_off else Exit.OK

    def _tell_failure(self) -> Exit:
        error = self._failure
        if isinstance(error, StartError | ConfigError | OSError):
            complain(self._program.name, one_line(error))
            return Exit.MISTAKE
        self._log.exception("cannot start", exc=error)
        return Exit.FAILED

    def _close(self) -> None:
        gevent.killall([self._work] if self._work is not None else [])
        if self._is_open:
            self._close_core()
        self._close_admin()
        self._notifier.close()
        self._journal.drain(_FLUSH_S)

    def _close_core(self) -> None:
        try:
            with gevent.Timeout(_CLOSE_S, False):  # type: ignore[arg-type]  # False: no exception
                self._core.close()
        except Exception:
            self._log.exception("closing failed")

    # -- while it runs -----------------------------------------------------------------------

    def reload(self) -> list[str]:
        """Read the configuration again and go on with it, or keep the old one and log why.

        Returns the problems, none if it went well.
        """
        with self._reloading:
            problems: list[str] = []
            try:
                self._must_run()
                self._notifier.reloading()
                self._take_over(self._load())
                self._insight.reloads["ok"] += 1
            except Exception as error:
                problems = self._log_refusal("reload refused", error)
                self._insight.reloads["refused"] += 1
            if self._life.phase is Phase.RUNNING:
                self._notifier.ready(self._core.status())
            return problems

    def _load(self) -> C:
        # In a thread: a file of a megabyte takes seconds, in which peers would wait.
        config: C = _in_thread(load, self._file, self._program.model)
        return config

    def _take_over(self, config: C) -> None:
        # In a thread: the file may be on a disk that is slow or away.
        old, token = self._config, _in_thread(token_of, config.admin)
        _in_thread(self._journal.apply, config.log)
        try:
            self._must_run()  # still, after all that was waited for
            restart = list(self._core.reload(config))
        except BaseException:
            _in_thread(self._journal.apply, old.log)
            raise
        self._config = config
        self._admin.token = token
        if config.admin.bind != old.admin.bind:
            restart.append("admin.bind")
        self._log.info("reloaded", config=self._file)
        if restart:
            self._log.warning("takes effect after a restart", keys=restart)

    def _log_refusal(self, event: str, error: Exception) -> list[str]:
        if isinstance(error, ConfigError):
            problems = [str(each) for each in error.problems]
        else:
            problems = [one_line(error)]
        if isinstance(error, ConfigError | Refused | StartError | OSError):
            self._log.error(event, problems=problems)
        else:
            self._log.exception(event, exc=error)
        return problems

    def _reopen(self) -> None:
        try:
            _in_thread(self._journal.reopen)
        except OSError as error:
            self._log.error("log cannot be opened anew", reason=one_line(error))
        else:
            self._log.info("log opened anew")

    def _upgrade(self) -> None:
        with self._reloading:
            try:
                # Before anything is given up: with a broken file the new process would not start.
                config = self._load()
                _in_thread(token_of, config.admin)
                replace = SameCommandLine(self._say_goodbye, self._close_admin)
                replace.try_out()
                self._notifier.reloading()
                self._core.upgrade(config, replace)
            except Exception as error:
                self._log_refusal("replacement refused", error)
            if self._life.phase is Phase.RUNNING:
                self._notifier.ready(self._core.status())

    def _close_admin(self) -> None:
        if self._listener is not None:
            self._listener.close()

    def _say_goodbye(self) -> None:
        self._log.info("replacing the process")
        # In a thread: a log that nobody reads must not hold up what is in progress.
        _in_thread(self._journal.drain, _FLUSH_S)
        # Signals wait by now. Of one that came before, the new process would never know.
        while not self._happened.empty():
            gevent.sleep(0)
        self._must_run()

    def _must_run(self) -> None:
        if self._life.phase is not Phase.RUNNING:
            raise Refused(f"it is {self._life.phase.value}", 409)

    def _keep_pulse(self) -> None:
        while True:
            gevent.sleep(self._lag.period)
            self._lag.tick(time.monotonic())
            try:
                self._beat()
            except Exception:
                self._log.exception("pulse failed")

    def _beat(self) -> None:
        self._journal.tell_repeats()
        # A watchdog that is fed by a thread of its own would only tell that the thread lives.
        if self._insight.ailment() is None:
            self._notifier.alive()
        if self._life.phase is Phase.RUNNING:
            self._notifier.status(self._core.status())

    def _pulse_s(self) -> float:
        watchdog_s = self._notifier.watchdog_s
        return _PULSE_S if watchdog_s is None else min(_PULSE_S, watchdog_s / 3)

    def _log_uncaught(self, context: object, _type: Any, error: Any, _traceback: Any) -> None:
        self._log.exception("uncaught in a greenlet", exc=error, context=repr(context))

    # -- commands of the admin port ----------------------------------------------------------

    def _set_level(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Set `level`: debug, info, warning or error; until the next reload."""
        level = arguments.get("level")
        if level not in LEVELS:
            raise Refused(f"level should be one of {', '.join(LEVELS)}")
        self._journal.set_level(str(level))
        return {"level": level}

    def _reload_for_caller(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Read the configuration again, as SIGHUP does; 409 with the problems if it is refused."""
        problems = self.reload()
        if problems:
            raise Refused("\n".join(problems), 409)
        return {"status": "reloaded"}


_ENDS = frozenset((Action.END, Action.CUT_OFF, Action.FAIL))


def _journal(config: Any) -> Journal:
    try:
        return Journal(config.log)
    except OSError as error:
        raise StartError(f"log.file: {one_line(error)}") from None


def _in_thread(functor: Callable[..., Any], *args: Any) -> Any:
    result, error = gevent.get_hub().threadpool.apply(_outcome, (functor, *args))
    if error is not None:
        raise error
    return result


def _outcome(functor: Callable[..., Any], *args: Any) -> tuple[Any, Exception | None]:
    # Not raised there: gevent would report a mistake of a user's as an error of the thread's.
    try:
        return functor(*args), None
    except Exception as error:
        return None, error
