"""`cartsim trial` from the shell: faults are sentences with exit code 2, and nothing is written."""

import subprocess
import sys
from pathlib import Path


def test_a_wrong_trial_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('title = "x"\nseed = -1\n')
    code = "from cartsim.cli.app import main; main()"
    words = [sys.executable, "-c", code, "trial", str(path), "--out", str(tmp_path / "out")]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 2
    for part in ("wrong.toml", "key seed", "key arms: missing", "key endpoints: missing"):
        assert part in answer.stderr
    assert "Traceback" not in answer.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["wrong.toml"]
