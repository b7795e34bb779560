"""What an import brings along: nothing that is not needed yet.

`import rinzler` is what every script pays, and `rinzler-train --help` what every newcomer waits
for. Each case runs in a fresh interpreter and looks at the modules that came in.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# numpy takes longer to import than all of Rinzler; the others are for some users only.
HEAVY = {"numpy", "pluggy", "rich", "cyclopts", "safetensors", "platformdirs"}

SPY = """
import json, sys
before = set(sys.modules)
{code}
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
"""

HELP = """
sys.argv = ["rinzler-train", "--help"]
from rinzler.cli.main import train_main
assert train_main() == 0
"""


LISTING = """
sys.argv = ["rinzler", "backends"]
from rinzler.cli.main import main
assert main() == 0
"""


def imported(code: str) -> set[str]:
    """Full names of the modules that the code brings in."""
    done = subprocess.run(
        [sys.executable, "-c", SPY.format(code=code)],
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=60,
    )
    return set(json.loads(done.stderr))


def third_parties(modules: set[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in modules}
    return {name for name in tops - sys.stdlib_module_names if not name.startswith("_")}


def test_import_rinzler_is_next_to_nothing() -> None:
    modules = imported("import rinzler")
    assert third_parties(modules) == {"rinzler"}
    assert "importlib.metadata" not in modules
    assert {name for name in modules if name.startswith("rinzler")} == {"rinzler"}


@pytest.mark.parametrize("module", ["scalar", "errors", "config", "plugins"])
def test_what_does_not_compute_needs_no_numpy(module: str) -> None:
    assert third_parties(imported(f"import rinzler.{module}")) == {"rinzler"}


@pytest.mark.parametrize("module", ["ops", "tensor", "gpt", "checkpoint", "train"])
def test_what_computes_needs_numpy_alone(module: str) -> None:
    modules = imported(f"import rinzler.{module}")
    assert third_parties(modules) == {"rinzler", "numpy"}
    assert "importlib.metadata" not in modules


def test_a_tensor_on_a_backend_brings_that_backend_and_its_discovery() -> None:
    modules = imported("import rinzler; rinzler.use('numpy'); rinzler.Tensor([1.0]) + 1.0")
    assert third_parties(modules) >= {"rinzler", "numpy", "pluggy", "rinzler_numpy"}
    assert not third_parties(modules) & {"rich", "cyclopts", "safetensors", "platformdirs"}


def test_help_loads_the_flags_and_nothing_that_computes_or_paints() -> None:
    subprocess.run([sys.executable, "-c", f"import sys{HELP}"], capture_output=True, check=True)
    modules = imported(HELP)  # now that each plugin has been tried
    assert "cyclopts" in modules
    # Plugins add flags, so they are described: by their light modules, and by pluggy.
    assert not third_parties(modules) & (HEAVY - {"cyclopts", "pluggy"})
    own = {name for name in modules if name.startswith("rinzler.")}
    assert {name for name in own if not name.startswith("rinzler.plugins")} <= {
        "rinzler.cli",
        "rinzler.cli.commands",
        "rinzler.cli.request",
        "rinzler.cli.extras",
        "rinzler.cli.flags",
        "rinzler.cli.help",
        "rinzler.cli.invocation",
        "rinzler.cli.main",
        "rinzler.cli.parsing",
        "rinzler.cli.presets",
        "rinzler.cli.signals",
        "rinzler.cli.streams",
        "rinzler.config",
        "rinzler.errors",
    }


def test_the_overview_does_not_even_load_the_flags() -> None:
    code = "sys.argv = ['rinzler']\nfrom rinzler.cli.main import main\nassert main() == 0"
    assert third_parties(imported(code)) == {"rinzler"}


def test_a_run_asks_no_other_backend(tmp_path: Path) -> None:
    """Neither its modules nor its driver: `--backend numpy` is a choice."""
    (tmp_path / "fox.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 40)
    words = f"rinzler-train {tmp_path / 'fox.txt'} --backend numpy --steps 1 --vocab-size 0 --quiet"
    words += f" --context 8 --d-model 8 --layers 1 --run-dir {tmp_path / 'run'}"
    code = f"sys.argv = {words.split()}\nfrom rinzler.cli.main import train_main\n"
    modules = imported(f"{code}assert train_main() == 0")
    assert "rinzler_numpy" in modules
    assert not {"vulkan", "numba", "rinzler_vulkan.vk", "rinzler_numba.backend"} & modules


def test_a_listing_that_knows_all_verdicts_loads_no_plugin_and_no_parser() -> None:
    subprocess.run([sys.executable, "-c", f"import sys{LISTING}"], capture_output=True, check=True)
    modules = imported(LISTING)
    assert not third_parties(modules) & (HEAVY - {"platformdirs"})
    assert {name for name in third_parties(modules) if name.startswith("rinzler_")} == set()
