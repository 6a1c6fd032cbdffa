"""The memory that `asterism run` may take: what asks for more is refused, rather than the process killed for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SHARE = 0.75
_BESIDE = 3 << 29
"""Bytes of addresses that stacks and heaps of threads reserve, and never use."""
_CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def bound_memory() -> None:
    """Let this process, and those that it starts, take three quarters of the machine's memory, or of its container's.

    The engine has a limit of its own, which counts what it keeps and not what one function makes: `repeat('x', …)`
    alone can fill a machine, and then the kernel kills whom it likes. A limit that is lower stays. Linux alone.
    """
    if sys.platform != "linux":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    page = os.sysconf("SC_PAGE_SIZE")
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * page
    wanted = used + _BESIDE + int(_memory(os.sysconf("SC_PHYS_PAGES") * page) * _SHARE)
    lowest = min(wanted, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY), wanted)
    resource.setrlimit(resource.RLIMIT_AS, (lowest, hard))


def _memory(physical: int) -> int:
    """Bytes that there are, as far as a container lets this process have them."""
    texts = (each.read_text(encoding="ascii").strip() for each in _CONTAINER if each.exists())
    return min([physical, *(int(text) for text in texts if text.isdecimal())])
