"""The most memory that this process has held."""

from __future__ import annotations

import gc
import resource
import sys

__all__ = ["peak_megabytes", "start_new_peak"]


def peak_megabytes() -> float:
    """The largest resident memory of this process since it started, or since `start_new_peak`."""
    if not sys.platform.startswith("linux"):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    # getrusage counts, on Linux, what the parent held when it started this process.
    with open("/proc/self/status", encoding="ascii") as lines:
        kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e6


def start_new_peak() -> float:
    """Makes what is held now the peak, where the system can do that (Linux), and returns it."""
    gc.collect()
    if sys.platform.startswith("linux"):
        with open("/proc/self/clear_refs", "w", encoding="ascii") as switch:
            switch.write("5")
    return peak_megabytes()
