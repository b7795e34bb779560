"""Build hook: SPIR-V and manifest are made when the wheel is, from the GLSL of shaders/.

Runs for editable installs as well. Read next: `tools/compile_shaders.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ShaderHook(BuildHookInterface):
    """Compiles before the files of a wheel are gathered."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, str(Path(self.root) / "tools"))
        import compile_shaders

        compile_shaders.compile_all(compile_shaders.sources(), compile_shaders.target())
