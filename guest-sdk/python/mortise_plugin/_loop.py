"""Runs ``async`` handlers to their end: natively in an event loop of the thread,
in a component, which has no sockets to wait for, in one that only sleeps."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Optional

_loops = threading.local()


def run_to_end(handler: Any) -> Any:
    """The result of an awaitable handler, once it has ended, and the tasks that
    it created have."""
    loop = loop_of_thread()
    lost: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: _keep(lost, context))
    try:
        answer = loop.run_until_complete(loop.create_task(_whole(handler)))
    finally:
        _cancel_all(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
    if lost:
        raise lost[0]
    return answer


def _keep(lost: list[BaseException], context: dict[str, Any]) -> None:
    """Keeps the error of a task for which nobody waited: the call fails with it."""
    error = context.get("exception")
    lost.append(error if error is not None else RuntimeError(context.get("message", "an event loop failed")))


def loop_of_thread() -> asyncio.AbstractEventLoop:
    """The thread's loop, which stays for later calls: what a plugin keeps may
    belong to it."""
    loop: Optional[asyncio.AbstractEventLoop] = getattr(_loops, "loop", None)
    if loop is None or loop.is_closed():
        loop = _loops.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
    return loop


def close_loop() -> None:
    """Closes the thread's loop, if it has one, before the thread ends."""
    loop: Optional[asyncio.AbstractEventLoop] = getattr(_loops, "loop", None)
    if loop is not None and not loop.is_closed():
        loop.close()


async def _whole(awaitable: Any) -> Any:
    result = await awaitable
    me = asyncio.current_task()
    while True:
        others = asyncio.all_tasks() - {me}
        if not others:
            return result
        done, _ = await asyncio.wait(others, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if not task.cancelled():
                # Raises the error of a task that failed.
                task.result()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels the tasks that a failed handler left."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


class SleepingLoop(asyncio.BaseEventLoop):
    """An event loop for a component: timers and callbacks, no sockets, and a
    function for another thread runs at once."""

    def __init__(self) -> None:
        super().__init__()
        # The part of a selector that the base class uses.
        self._selector = self

    def select(self, timeout: Optional[float]) -> list[Any]:
        """Waits for the next timer."""
        if timeout is None:
            raise RuntimeError("the handler waits for something that nothing will bring: no task is left to run")
        if timeout > 0:
            time.sleep(timeout)
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """Runs the function at once, for a component has one thread."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    async def shutdown_default_executor(self, timeout: Optional[float] = None) -> None:
        """There is none to shut down."""


def use_sleeping_loop() -> None:
    """Makes the sleeping loop the one that ``asyncio.run`` uses, too."""
    asyncio.new_event_loop = SleepingLoop  # type: ignore[assignment]
    asyncio.events.new_event_loop = SleepingLoop  # type: ignore[assignment]
