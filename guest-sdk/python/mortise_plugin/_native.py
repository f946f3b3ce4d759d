"""The process of a native plugin: it directs calls of the host to instances."""

from __future__ import annotations

import contextvars
import os
import queue
import sys
import threading
import traceback
import typing
from collections.abc import Callable
from typing import Any, NoReturn, Optional

from . import _configuration, _logging, _trace
from ._connection import Call, Connection, Ended, Failure, connect
from ._data import expect, to_data
from ._finish import close_loop, finish
from ._plugin import (
    METHODS,
    OPTIONAL,
    ConfigError,
    Host,
    Method,
    Plugin,
    Refused,
    checked_manifest,
    checked_result,
    interfaces,
)
from ._types import HostError, Level, StopReason, User, WebhookResponse

_CONCURRENT = ("webhook.handle", "displayer.display")
# The instance whose call runs, for the log.
_calling: contextvars.ContextVar[Optional[int]] = contextvars.ContextVar("mortise_instance", default=None)
# The levels of lines on standard error, as the system's journal has them.
_JOURNAL = {Level.ERROR: 3, Level.WARN: 4, Level.INFO: 6, Level.DEBUG: 7, Level.TRACE: 7}

Task = Callable[[], None]


def _capabilities(plugin: type[Plugin]) -> list[str]:
    """The interfaces whose methods a class has. Raises ``TypeError`` for half of one."""
    found = interfaces(plugin)
    for interface, missing in found.items():
        if missing:
            has = next(
                method.name
                for wire, method in METHODS.items()
                if wire.split(".")[0] == interface and hasattr(plugin, method.name)
            )
            raise TypeError(f"{plugin.__name__} has {has}() and lacks {', '.join(missing)}()")
    return list(found)


class _Worker:
    """Does tasks one after another: in a thread of its own, or in the thread
    that calls ``work``."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Optional[Task]] = queue.SimpleQueue()

    def start(self) -> None:
        """Works in a thread of its own."""
        threading.Thread(target=self.work, daemon=True).start()

    def work(self) -> None:
        """Works in this thread until it is ended."""
        for task in iter(self._tasks.get, None):
            task()
        close_loop()

    def submit(self, task: Task) -> None:
        """Queues a task."""
        self._tasks.put(task)

    def end(self) -> None:
        """Ends the work after the tasks that are queued."""
        self._tasks.put(None)


def _debugged() -> bool:
    """Whether a debugger follows this thread, such as ``python3 -m pdb``: its
    breakpoints stop in that thread only."""
    monitoring: Any = getattr(sys, "monitoring", None)
    return sys.gettrace() is not None or (
        monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None
    )


class _Debugging:
    """Reports to the host that a debugger follows a thread of this process. The host
    then suspends deadlines, if it lets this process be debugged."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mutex = threading.Lock()
        self._threads: set[int] = set()

    def look(self) -> None:
        """Looks whether a debugger follows this thread."""
        self._set(_debugged())

    def forget(self) -> None:
        """Forgets this thread, which ends."""
        self._set(False)

    def watch_breakpoints(self) -> None:
        """Reports each ``breakpoint()`` before it stops, unless the author or the
        environment chose another debugger than pdb."""
        if sys.breakpointhook is not sys.__breakpointhook__ or os.environ.get("PYTHONBREAKPOINT"):
            return

        def hook(*, header: Optional[str] = None, **options: Any) -> None:
            import pdb

            self._set(True)
            debugger = pdb.Pdb()
            if header is not None:
                debugger.message(header)
            # It stops in the author's function, not in this one.
            debugger.set_trace(sys._getframe(1), **options)

        sys.breakpointhook = hook

    def _set(self, debugged: bool) -> None:
        thread = threading.get_ident()
        if debugged == (thread in self._threads):
            return
        # Reports must not overtake each other.
        with self._mutex:
            before = bool(self._threads)
            (self._threads.add if debugged else self._threads.discard)(thread)
            if bool(self._threads) != before:
                self._connection.notify("process.debugged", None, {"attached": debugged})


class _Instance:
    """An instance, which is called one call after another."""

    def __init__(self, shared: Optional[_Worker], debugging: _Debugging) -> None:
        self.plugin: Optional[Plugin] = None
        self.started = False
        self._shared = shared
        self._debugging = debugging
        self._worker = shared or _Worker()
        if shared is None:
            self._worker.start()

    def submit(self, task: Task) -> None:
        """Queues a task."""
        self._worker.submit(task)

    def end(self) -> None:
        """Ends the instance's thread after the tasks that are queued."""
        if self._shared is None:
            self._worker.submit(self._debugging.forget)
            self._worker.end()


class _Process:
    """Directs the host's calls to the plugin's instances."""

    def __init__(self, plugin: type[Plugin], connection: Connection, shared: Optional[_Worker]) -> None:
        self._plugin = plugin
        # The one that does the work of all instances, if there is one.
        self._shared = shared
        self._capabilities = _capabilities(plugin)
        self._connection = connection
        self._debugging = _Debugging(connection)
        self._debugging.watch_breakpoints()
        self._instances: dict[int, _Instance] = {}

    def called(self, call: Call) -> None:
        """Directs a call. Runs in the reader: never the plugin's code."""
        try:
            if call.method == "manifest.describe":
                call.reply(to_data(checked_manifest(self._plugin)))
            elif call.method == "instance.create":
                self._create(call)
            elif call.method == "instance.drop":
                self._drop(call)
            elif call.method == "process.shutdown":
                call.reply(None)
                self._connection.end()
            else:
                self._dispatch(call)
        except Failure as failure:
            call.fail(failure)

    def _create(self, call: Call) -> None:
        number, user = call.param("instance", int), call.param("user", User)
        base_path = call.param("base_path", Optional[str])
        if number in self._instances:
            raise Failure("invalid", f"there is an instance {number} already")
        instance = self._instances[number] = _Instance(self._shared, self._debugging)

        def work() -> None:
            made = self._plugin.__new__(self._plugin)
            made.user, made.base_path = user, base_path
            made.host = Host(self._asking(number))
            _calling.set(number)
            made.__init__()  # type: ignore[misc]
            instance.plugin = made
            call.reply({"capabilities": self._capabilities, "concurrent": self._plugin.concurrent})

        def task() -> None:
            self._guard(call, work)
            if instance.plugin is None:
                self._instances.pop(number, None)
                instance.end()

        instance.submit(task)

    def _drop(self, call: Call) -> None:
        number = call.param("instance", int)
        instance = self._instances.pop(number, None)
        if instance is None:
            raise Failure("unknown_instance", f"this plugin has no instance {number}")

        def task() -> None:
            # It failed and was not stopped: its threads would go on beside
            # those of its successor.
            stop = getattr(instance.plugin, "stop", None)
            if instance.started and stop is not None:
                try:
                    _calling.set(number)
                    finish(stop(StopReason.RELOADING))
                except BaseException:
                    sys.stderr.write(f"mortise: stop() crashed\n{traceback.format_exc()}")
            call.reply(None)

        instance.submit(task)
        instance.end()

    def _dispatch(self, call: Call) -> None:
        method = METHODS.get(call.method)
        if method is None:
            raise Failure("unknown_method", f"this plugin has no function {call.method[:64]!r}")
        if call.instance is None:
            raise Failure("invalid", f"{call.method} concerns an instance, and the call names none")
        instance = self._instances.get(call.instance)
        if instance is None:
            raise Failure("unknown_instance", f"this plugin has no instance {call.instance}")
        if not hasattr(self._plugin, method.name):
            if call.method in OPTIONAL and call.method.split(".")[0] in self._capabilities:
                return call.reply(None)
            raise Failure("unknown_method", f"this plugin has no {call.method.split('.')[0]}")
        params = {name: call.param(name, kind) for name, kind in method.params.items()}

        def task() -> None:
            # Cancelled while it waited: nobody wants it any more.
            if call.open():
                self._guard(call, lambda: self._invoke(call, method, instance, list(params.values())))

        if self._shared is None and self._plugin.concurrent and call.method in _CONCURRENT:
            worker = _Worker()
            worker.submit(task)
            worker.submit(self._debugging.forget)
            worker.end()
            worker.start()
        else:
            instance.submit(task)

    def _invoke(self, call: Call, method: Method, instance: _Instance, arguments: list[Any]) -> None:
        if instance.plugin is None:
            raise Failure("unknown_instance", f"the instance {call.instance} could not be made")
        if call.method == "lifecycle.stop":
            instance.started = False
        _calling.set(call.instance)
        _trace.begin(call.traceparent)
        if call.method == "configurer.apply":
            value = call.param("value", Optional[str])
            _configuration.offer(call.param("config", str), lambda: value)
        try:
            result = finish(getattr(instance.plugin, method.name)(*arguments))
        except HostError as error:
            if call.method != "webhook.handle":
                raise
            self._asking(call.instance or 0)("log.write", None, level=Level.WARN, text=f"answered 503: {error}")
            result = WebhookResponse.text(f"{error}\n", 503)
        if call.method == "lifecycle.start":
            instance.started = True
        call.reply(to_data(checked_result(instance.plugin, method, result)))

    def _asking(self, number: int) -> Callable[..., Any]:
        """The functions of the host for an instance."""

        def ask(method: str, kind: Any, **params: Any) -> Any:
            data = to_data(params)
            if method == "log.write":
                return self._connection.notify(method, number, data)
            result = self._connection.ask(method, number, data)
            return None if kind is None else expect(kind, result)

        return ask

    def log(self, level: Level, text: str) -> None:
        """Writes into the log of the instance that is called; outside of calls
        into the process's."""
        number = _calling.get()
        if number is None and len(self._instances) == 1:
            # A thread of the plugin's own; there is no doubt whose.
            number = next(iter(self._instances))
        if number in self._instances:
            Host(self._asking(number)).log(text, level)
        else:
            for line in text.splitlines() or [""]:
                sys.stderr.write(f"<{_JOURNAL[level]}>{line}\n")

    def _guard(self, call: Call, work: Callable[[], None]) -> None:
        """Runs the plugin's code and answers for what it raises."""
        self._debugging.look()
        try:
            self._answer(call, work)
        finally:
            self._debugging.look()

    def _answer(self, call: Call, work: Callable[[], None]) -> None:
        try:
            work()
        except Failure as failure:
            call.fail(failure)
        except ConfigError as error:
            if call.method != "configurer.apply":
                return self._crashed(call, error)
            problems = [to_data(p) for p in error.problems]
            call.fail(Failure("problems", str(error), problems=problems))
        except (Refused, HostError) as error:
            method = METHODS.get(call.method)
            if method is None or not method.refusable:
                return self._crashed(call, error)
            call.fail(Failure("refused", str(error)))
        except BaseException as error:  # A plugin that exits by sys.exit() crashed, too.
            self._crashed(call, error)

    @staticmethod
    def _crashed(call: Call, error: BaseException) -> None:
        details = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        sys.stderr.write(f"mortise: {call.method} crashed\n{details}")
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        call.fail(Failure("crashed", text, details=details[-65536:]))


_BY_HAND = """\
This is a Mortise plugin, not a program to run by itself.

Put it into the plugins folder of a Mortise server, which starts it, or, to run
it by hand (under a debugger, in a container), let the server give you a place
for it with "mortise plugin attach" and start it with the MORTISE_SOCKET and
MORTISE_SECRET that this prints.
"""


def run(plugin: type[Plugin]) -> NoReturn:
    """The whole main of a plugin: connects to the server that started this
    process, serves until the server ends the connection, and exits. It does not
    wait for threads of the plugin, nor call ``atexit`` functions."""
    status = _run(plugin)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _run(plugin: type[Plugin]) -> int:
    path = os.environ.get("MORTISE_SOCKET")
    if not path:
        sys.stderr.write(_BY_HAND)
        return 2
    # Programs that the plugin starts have no business with it.
    secret = os.environ.pop("MORTISE_SECRET", "")
    # Lines of the log appear when they are written.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    shared = _Worker() if _debugged() else None
    try:
        checked_manifest(plugin)
        _capabilities(plugin)
        connection = connect(path, secret)
        process = _Process(plugin, connection, shared)
        _logging.install(process.log)
        if shared is None:
            connection.read(process.called)
        else:
            _read_beside(connection, process, shared)
    except (Ended, TypeError) as error:
        sys.stderr.write(f"mortise: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _read_beside(connection: Connection, process: _Process, shared: _Worker) -> None:
    """Reads in a thread of its own, and works here: in the main thread."""
    ended: list[Ended] = []

    def read() -> None:
        try:
            connection.read(process.called)
        except Ended as error:
            ended.append(error)
        finally:
            shared.end()

    threading.Thread(target=read, daemon=True).start()
    shared.work()
    if ended:
        raise ended[0]
