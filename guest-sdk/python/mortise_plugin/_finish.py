"""The end of a handler, which may be ``async``. ``asyncio`` is imported for those
that are."""

from __future__ import annotations

import inspect
import sys
from typing import Any

_LOOP = f"{__package__}._loop"


def finish(result: Any) -> Any:
    """The result of a handler; the end of one that is awaitable is waited for."""
    if not inspect.isawaitable(result):
        return result
    try:
        from ._loop import run_to_end
    except ImportError as error:
        # A component has the modules that were imported while it was built.
        raise TypeError(
            f"a handler returned {type(result).__name__}, and the component was built without `asyncio`:"
            " write `async def` before the handler, or `import asyncio` at the top of the module"
        ) from error
    return run_to_end(result)


def close_loop() -> None:
    """Closes the thread's event loop, if it has one, before the thread ends."""
    if _LOOP in sys.modules:
        sys.modules[_LOOP].close_loop()
