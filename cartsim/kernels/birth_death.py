"""One random course of a cell count in which every cell divides and dies by chance, event by event."""

from __future__ import annotations

import math

from cartsim.kernels.jit import kernel


@kernel
def birth_death_course(rng, days, birth, death, start, count, stop_at):
    """Follow `count` cells from day `start`; returns (day, count) at extinction, at `stop_at` or at the end.

    days : float64 [T], rising; birth, death : float64 [T - 1], per cell and day, constant from day to day
    stop_at : cells; the course ends when the count reaches it. Exact for these rates: the waiting time is
    exponential in the cumulated rate (Gillespie 1977), which is carried over from one interval to the next.
    """
    k, now = 0, start
    while k < len(birth) and days[k + 1] <= now:
        k += 1
    wait = rng.standard_exponential()
    while k < len(birth) and 0.0 < count < stop_at:
        rate = count * (birth[k] + death[k])
        room = days[k + 1] - now
        if wait >= rate * room or not rate < math.inf:
            wait -= rate * room
            k += 1
            now = days[k]
            continue
        now += wait / rate
        count += 1.0 if rng.random() * (birth[k] + death[k]) < birth[k] else -1.0
        wait = rng.standard_exponential()
    return now, count
