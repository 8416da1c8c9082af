"""A million virtual patients of `bcma_myeloma` to outcomes on disk: time, memory, the same from any chunks.

python -m benchmarks.million_outcomes

`cartsim cohort` in a process of its own, whose memory is that of the process and its workers together, read
twice a second. Then a twentieth of the patients again with another size of chunk and on one core: every
outcome must have the same bits.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.cohort.stream import Cohort, outcome_parts, stream_outcomes
from cartsim.cohort.stream_summary import cohort_rates

PRODUCT, SEED = "fast", 1


def resident_megabytes(process: int) -> float:
    """Resident memory of a process and all processes below it."""
    total = 0.0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if os.getpgid(int(folder.name)) == process:
                pages = int((folder / "statm").read_text().split()[1])
                total += pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        except (OSError, ProcessLookupError):
            continue  # it ended while it was read
    return total


def timed(patients: int, folder: Path, workers: int) -> tuple[float, float]:
    """Seconds and the highest resident megabytes of the command."""
    command = ["cohort", PRODUCT, "--patients", str(patients), "--out", str(folder), "--seed", str(SEED)]
    code = "from cartsim.cli.app import main; main()"
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command, "--workers", str(workers)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    most = 0.0
    while process.poll() is None:
        most = max(most, resident_megabytes(process.pid))
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"the command failed with {process.returncode}")
    return time.perf_counter() - begin, most


def digest(folder: Path, patients: int) -> str:
    """Of the outcomes of the first patients, whatever files they stand in."""
    found, left = hashlib.sha256(), patients
    columns: dict[str, list] = {}
    for part in outcome_parts(folder):
        for name, values in part.head(left).items():
            columns.setdefault(name, []).append(values)
        left -= min(left, len(part))
        if not left:
            break
    for name, parts in columns.items():
        found.update(name.encode())
        for value in itertools.chain.from_iterable(parts):
            found.update(repr(value).encode())
    return found.hexdigest()


def main() -> None:
    """Run, compare, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    few = given.patients // 20
    with tempfile.TemporaryDirectory() as scratch:
        whole, again = Path(scratch) / "whole", Path(scratch) / "again"
        seconds, memory = timed(given.patients, whole, given.workers)
        stream_outcomes(Cohort(PRODUCT, few, SEED), again, chunk=3_333)
        same = digest(whole, few) == digest(again, few)
        rates = cohort_rates(whole)
        disk = sum(file.stat().st_size for file in whole.glob("*.parquet")) / 1e6
    result = {
        "setting": setting(["pyarrow", "pandas"]),
        "patients": given.patients,
        "workers": given.workers,
        "seconds": seconds,
        "peak_megabytes": memory,
        "disk_megabytes": disk,
        "same_bits_other_chunks_and_one_core": same,
        "rates": rates.to_dict("records"),
    }
    lines = head("A million virtual patients to outcomes", result)
    lines += [*__doc__.strip().split("\n\n")[2].splitlines(), ""]
    lines += table(
        (
            "patients",
            "workers",
            "seconds",
            "us a patient",
            "peak MB, all processes",
            "Parquet MB",
            "same bits",
        ),
        [
            (
                f"{given.patients:,}",
                given.workers,
                f"{seconds:.0f}",
                f"{1e6 * seconds / given.patients:.0f}",
                f"{memory:.0f}",
                f"{disk:.0f}",
                "yes" if same else "**no**",
            )
        ],
    )
    lines += table(
        ("endpoint", "count", "share %", "95% interval"),
        [
            (
                r.endpoint,
                f"{r.count:,} of {r.patients:,}",
                f"{100 * r.share:.2f}",
                f"{100 * r.lower:.2f} to {100 * r.upper:.2f}",
            )
            for r in rates.itertuples()
        ],
    )
    write(RESULTS, "million_outcomes", result, lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
