"""Where pictures are decoded for requests: two at a time, apart from everything else.

One picture within the limits takes up to 1 GB and ten seconds (``media/images.py``). In the threads
that all requests share, a handful of them would take the machine's memory and keep everybody
waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

AT_ONCE = 2

Result = TypeVar("Result")

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")


async def decoding(function: Callable[..., Result], *args: Any) -> Result:
    """What a function that decodes pictures returns, once it had its turn."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, partial(function, *args))
