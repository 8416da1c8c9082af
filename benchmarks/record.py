"""What every benchmark writes beside its numbers: machine, versions, date, command; JSON and Markdown."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cartsim.version import __version__

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "numba", "scipy", "emcee")


def setting(packages: Iterable[str] = ()) -> dict[str, object]:
    """Machine, load, versions, date and the call, for the head of a result."""
    return {
        "command": f"python -m benchmarks.{Path(sys.argv[0]).stem} {' '.join(sys.argv[1:])}".strip(),
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {"cartsim": __version__}
        | {n: _version(n) for n in dict.fromkeys([*PACKAGES, *packages]) if n != "cartsim"},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = found.get("model name", platform.processor())
    if name in ("", "unknown") and found:
        name = f"{found.get('vendor_id', '')} family {found.get('cpu family')} model {found.get('model')}"
    return name + (", AVX-512" if "avx512f" in found.get("flags", "") else "")


def peak_megabytes() -> float:
    """Peak resident memory of this process.

    From Linux's VmHWM: `getrusage` of a process started by another begins with the peak of its parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024.0  # counted in kB
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def head(title: str, result: Mapping[str, object]) -> list[str]:
    """First lines of a Markdown result."""
    at = result["setting"]
    versions = ", ".join(f"{name} {number}" for name, number in at["versions"].items())
    return [
        f"# {title}",
        "",
        (
            f"{at['date']}, {at['processor']}, {at['cores']} cores ({at['system']}, load {at['load']} at the "
            f"start), Python {at['python']}, {versions}."
        ),
        f"`{at['command']}`",
        "",
    ]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def write(folder: Path, name: str, result: Mapping[str, object], lines: Sequence[str]) -> None:
    """Write `name`.json and `name`.md into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
