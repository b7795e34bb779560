"""The build of the shaders, and the names that Python and GLSL share. No driver."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import compile_shaders
import pytest
from reflect import instructions, reflect

from rinzler_vulkan.errors import ShaderMissing
from rinzler_vulkan.ieee import preserving
from rinzler_vulkan.manifest import Manifest, installed

SHADERS = compile_shaders.sources()
NAMES = sorted(path.stem for path in SHADERS.glob("*.comp"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    tool = Path(compile_shaders.__file__)
    build = (
        f"import sys, pathlib; sys.path.insert(0, {str(tool.parent)!r}); import compile_shaders;"
        "compile_shaders.compile_all(compile_shaders.sources(), pathlib.Path(sys.argv[1]))"
    )
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-c", build, tmp_path / name], check=True)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert files_of(tmp_path / "one") == files_of(compile_shaders.target())


def test_only_what_changed_is_compiled(tmp_path: Path) -> None:
    folder, out = tmp_path / "glsl", tmp_path / "spv"
    folder.mkdir()
    for path in SHADERS.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    assert compile_shaders.compile_all(folder, out) == NAMES
    assert compile_shaders.compile_all(folder, out, fresh=False) == []
    chain = folder / "chain.glsl"  # an include: who includes it is compiled again
    chain.write_text(chain.read_text(encoding="utf-8") + "// more\n", encoding="utf-8")
    changed = compile_shaders.compile_all(folder, out, fresh=False)
    assert changed == ["add_rows", "add_rows_link"]
    (folder / "fill.comp").unlink()
    compile_shaders.compile_all(folder, out, fresh=False)
    assert not (out / "fill.spv").exists()
    assert "fill" not in json.loads((out / "manifest.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("void main() { y[0] = ; }", r"broken.comp: [^$]*0:4: '' :  syntax error"),
        ("layout(push_constant) uniform P { float p[33]; };\nvoid main() { y[0] = p[1]; }", "132"),
        ("layout(binding = 2) buffer Z { float z[]; };\nvoid main() { y[0] = z[0]; }", "gap"),
        ("layout(set = 1, binding = 1) buffer Z { int z[]; };\nvoid main() { z[0] = 1; }", "set 0"),
    ],
)
def test_a_shader_outside_of_the_rules_is_refused(tmp_path: Path, body: str, words: str) -> None:
    head = (
        "#version 460\nlayout(local_size_x = 1) in;\nlayout(binding = 0) buffer Y { float y[]; };"
    )
    (tmp_path / "broken.comp").write_text(f"{head}\n{body}\n", encoding="utf-8")
    with pytest.raises((RuntimeError, ValueError), match=words):
        compile_shaders.compile_all(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("name", NAMES)
def test_a_shader_says_what_it_computes(name: str) -> None:
    head = (SHADERS / f"{name}.comp").read_text(encoding="utf-8").split("\nlayout", 1)[0]
    for word in ("Formula", "Layout", "Workgroup"):
        assert f"// {word}" in head


def test_reflection_sees_what_the_glsl_says() -> None:
    row = reflect((compile_shaders.target() / "matmul.spv").read_bytes())
    assert row["bindings"] == [True, False, False, False, True, True]
    assert row["push"][:2] == [["M", 0, "I", 1], ["N", 4, "I", 1]]
    assert row["specs"]["LOCAL_X"] == [0, "I"]
    assert row["specs"]["FOURS"] == [3, "?"]
    assert row["local_size"] == ["LOCAL_X", 1, 1]


def test_push_constants_are_packed_by_name() -> None:
    shader = installed()["move"]
    axes = {name: range(5) for name in ("shape", "out_strides", "x_strides")}
    packed = shader.pack({**axes, "x_offset": 9, "n": 7, "out_offset": 8})
    assert packed == struct.pack("<18I", 7, 8, 9, *(list(range(5)) * 3))
    assert len(packed) == shader.push_size


def test_names_that_do_not_fit_are_refused() -> None:
    shader = installed()["fill"]
    with pytest.raises(ShaderMissing, match=r"\['n', 'size'\], expected \['n', 'word'\]"):
        shader.pack({"n": 1, "size": 2})
    numbers = {"n": 1, "out_offset": 0, "x_offset": 0}
    axes = dict.fromkeys(("shape", "out_strides", "x_strides"), (1, 2))
    with pytest.raises(ShaderMissing, match="shape has 2 numbers, not 5"):
        installed()["move"].pack({**numbers, **axes})
    with pytest.raises(ShaderMissing, match="unary has no constant OPP; it has OP"):
        installed()["unary"].specialize({"OPP": 1})
    with pytest.raises(ShaderMissing, match=r"no shader 'fil'.*there are: .*add_rows"):
        installed()["fil"]


def test_specialization_constants_are_words() -> None:
    entries, data = installed()["binary"].specialize({"ONE": True, "OP": 5})
    assert entries == [(1, 0), (0, 4)]
    assert data == struct.pack("<II", 1, 5)


def test_missing_or_damaged_shaders_are_found(tmp_path: Path) -> None:
    with pytest.raises(ShaderMissing, match="no compiled shaders in"):
        Manifest(tmp_path)
    for name, contents in files_of(compile_shaders.target()).items():
        (tmp_path / name).write_bytes(contents)
    (tmp_path / "fill.spv").write_bytes(b"something else")
    manifest = Manifest(tmp_path)
    assert manifest["where"].code()
    with pytest.raises(ShaderMissing, match=r"fill\.spv is not what was compiled: reinstall"):
        manifest["fill"].code()
    (tmp_path / "fill.spv").unlink()
    with pytest.raises(ShaderMissing, match="cannot be read"):
        manifest["fill"].code()


@pytest.mark.parametrize("name", NAMES)
def test_the_promise_of_nan_is_added_where_it_belongs(name: str) -> None:
    before = list(instructions(installed()[name].code()))
    after = list(instructions(preserving(installed()[name].code())))
    added = [row for row in after if row not in before]
    assert [opcode for opcode, _ in added] == [17, 16]
    assert added[0][1] == (4466,)  # SignedZeroInfNanPreserve, the capability
    assert added[1][1][1:] == (4461, 32)  # and the mode, for 32 bits
    assert [row for row in after if row not in added] == before
    assert after.index(added[0]) < min(k for k, row in enumerate(after) if row[0] != 17)
