"""How many processors this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")  # of Linux


def processors() -> int:
    """At least 1: those that it is bound to (taskset, a container's cpuset), and of those no more
    than a container or service gets the time of (Docker's `--cpus`, systemd's CPUQuota).

    A machine may have many more, and threads for all of those would only wait for each other.
    """
    bound = getattr(os, "sched_getaffinity", None)
    there = len(bound(0)) if bound else os.cpu_count() or 1
    return max(1, math.ceil(min(there, _quota())))


def _quota() -> float:
    """Processors' worth of time by the control groups (version 2) that the process is in."""
    try:
        lines = os.fsdecode(OWN.read_bytes()).splitlines()
        line = next(each for each in lines if each.startswith("0::"))
    except (OSError, StopIteration):
        return math.inf
    group = GROUPS / line.removeprefix("0::").strip().lstrip("/")
    inside = (each for each in (group, *group.parents) if each.is_relative_to(GROUPS))
    return min(map(_limit, inside), default=math.inf)


def _limit(group: Path) -> float:
    """Of one group: `cpu.max` has the time and the period that it is for, in microseconds."""
    try:
        time, period = (group / "cpu.max").read_text().split()
        return math.inf if time == "max" else int(time) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf
