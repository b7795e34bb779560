"""Event files are read back record by record, with their checksums, as TensorBoard would.

A record is: length (8 bytes), its CRC, the event, its CRC; a CRC is CRC-32C, rotated by 15 bits and
moved by a constant. https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

import json
import logging
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rinzler.plugins import RunInfo, emit, manager, plugin_options
from rinzler_tensorboard.plugin import TensorBoardOptions

CONFIG = {"seed": 3, "corpus": {"name": "fuchsbau"}, "path": Path("ä.txt")}
CURVES = {"loss/train", "lr", "grad_norm", "tokens_per_second", "loss/validation", "bpb/validation"}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The plugin as it is installed, and no other; new for every test."""
    monkeypatch.setenv("RINZLER_PLUGINS", "rinzler-tensorboard")
    monkeypatch.setattr(manager, "_plugins", None)
    caplog.set_level(logging.WARNING)


def asked(folder: Path, **options: Any) -> RunInfo:
    return RunInfo(folder, CONFIG, {"tensorboard": TensorBoardOptions(**options)})


def train(run: RunInfo, first: int, last: int, error: BaseException | None = None) -> None:
    """Steps `first` to `last`, each with a validation if it is a multiple of 2."""
    emit("rinzler_train_start", run=run, step=first - 1)
    for step in range(first, last + 1):
        facts = {"loss": 4 / step, "lr": 2**-10, "grad_norm": 1.5, "tokens_per_second": 4e4}
        emit("rinzler_step_end", run=run, step=step, **facts)
        if step % 2 == 0:
            metrics = {"val_loss": 8 / step, "val_bpb": 2.0}
            emit("rinzler_eval_end", run=run, step=step, metrics=metrics)
    emit("rinzler_train_end", run=run, error=error)


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Bit by bit, and nobody's code but ours: the polynomial of Castagnoli, reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def events(path: Path) -> Iterator[Any]:
    """The events of one file."""
    from tensorboardX.proto.event_pb2 import Event

    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == masked(data[:8])
        body, data = data[12 : 12 + length], data[12 + length :]
        assert struct.unpack("<I", data[:4])[0] == masked(body)
        data = data[4:]
        yield Event.FromString(body)


def files(folder: Path) -> list[Path]:
    """Event files in the order in which TensorBoard reads them."""
    return sorted(folder.glob("events.out.tfevents.*"))


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) of each curve as TensorBoard shows it: a restart hides what came after it."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in files(folder):
        for event in events(path):
            if event.session_log.status == event.session_log.START:
                for curve in found.values():
                    curve[:] = [point for point in curve if point[0] < event.step]
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_crc32c_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, and every other table of CRCs


def test_every_curve_with_every_point(tmp_path: Path) -> None:
    train(asked(tmp_path, every=1), 1, 4)
    found = points(tmp_path)
    assert set(found) == CURVES
    assert found["loss/train"] == [(1, 4.0), (2, 2.0), (3, pytest.approx(4 / 3)), (4, 1.0)]
    assert found["lr"] == [(step, 2**-10) for step in (1, 2, 3, 4)]
    assert found["grad_norm"][-1] == (4, 1.5)
    assert found["tokens_per_second"][0] == (1, 4e4)
    assert found["loss/validation"] == [(2, 4.0), (4, 2.0)]
    assert found["bpb/validation"] == [(2, 2.0), (4, 2.0)]


def test_every_so_many_steps(tmp_path: Path) -> None:
    train(asked(tmp_path, every=3), 1, 4)
    found = points(tmp_path)
    assert [step for step, _ in found["loss/train"]] == [3]
    assert [step for step, _ in found["loss/validation"]] == [2, 4]


def test_the_configuration_is_there_to_read(tmp_path: Path) -> None:
    train(asked(tmp_path, every=1), 1, 1)
    (text,) = [
        value.tensor.string_val[0].decode("utf-8")
        for event in events(files(tmp_path)[0])
        for value in event.summary.value
        if value.tag == "config/text_summary"
    ]
    assert text.startswith("```json\n")
    config = json.loads(text.removeprefix("```json\n").removesuffix("\n```"))
    assert config == {"seed": 3, "corpus": {"name": "fuchsbau"}, "path": "ä.txt"}


def test_nothing_is_written_or_imported_unless_asked_for(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from rinzler.plugins import RunInfo, emit, plugin_options\n"
        "assert plugin_options()\n"
        "run = RunInfo(Path('run'), {})\n"
        "emit('rinzler_train_start', run=run, step=0)\n"
        "emit('rinzler_eval_end', run=run, step=1, metrics={'val_loss': 1.0})\n"
        "emit('rinzler_train_end', run=run, error=None)\n"
        "assert 'rinzler_tensorboard.plugin' in sys.modules\n"
        "assert not {'tensorboardX', 'google.protobuf', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_another_place(tmp_path: Path) -> None:
    train(asked(tmp_path / "run", every=1, dir=tmp_path / "curves"), 1, 2)
    assert set(points(tmp_path / "curves")) == CURVES
    assert not (tmp_path / "run").exists()


def test_a_run_that_resumes_at_once_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    run = asked(tmp_path, every=1)
    train(run, 1, 4)  # step 2 was saved, and what came after it is lost
    train(run, 3, 5)
    assert len(files(tmp_path)) == 2
    found = points(tmp_path)
    assert [step for step, _ in found["loss/train"]] == [1, 2, 3, 4, 5]
    assert [step for step, _ in found["loss/validation"]] == [2, 4]


def test_the_file_is_whole_when_a_run_ends_by_an_error(tmp_path: Path) -> None:
    train(asked(tmp_path, every=1), 1, 3, error=KeyboardInterrupt())
    assert [step for step, _ in points(tmp_path)["loss/train"]] == [1, 2, 3]
    emit("rinzler_train_end", run=asked(tmp_path, every=1), error=None)  # a second end: no matter


def test_two_runs_at_once_do_not_mix(tmp_path: Path) -> None:
    runs = [asked(tmp_path / name, every=1) for name in ("one", "two")]
    for run in runs:
        emit("rinzler_train_start", run=run, step=0)
    for step, run in enumerate(runs, start=1):
        emit("rinzler_eval_end", run=run, step=step, metrics={"val_loss": 1.0})
    for run in runs:
        emit("rinzler_train_end", run=run, error=None)
    assert points(tmp_path / "one") == {"loss/validation": [(1, 1.0)]}
    assert points(tmp_path / "two") == {"loss/validation": [(2, 1.0)]}


def test_a_place_that_cannot_be_written_costs_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    train(asked(tmp_path, every=1, dir=tmp_path / "file" / "curves"), 1, 3)
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith("plugin tensorboard (rinzler-tensorboard ")
    assert ": rinzler_train_start raised " in message  # the rest is in the words of the system


def test_the_flags() -> None:
    (offered,) = plugin_options()
    assert offered.flags == ("--tensorboard-every", "--tensorboard-dir")
    with pytest.raises(ValueError, match=r"^--tensorboard-every is -1, expected 0 or more$"):
        TensorBoardOptions(every=-1)
    with pytest.raises(ValueError, match=r"^--tensorboard-dir needs points to write: add --tens"):
        TensorBoardOptions(dir=Path("x"))


def test_a_run_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINZLER_PLUGINS", "numpy,tensorboard")
    (tmp_path / "fox.txt").write_text("the quick brown fox\n" * 60, encoding="utf-8")
    words = ["fox.txt", "--steps", "4", "--eval-every", "2", "--tensorboard-every", "2", "--quiet"]
    sizes = ["--d-model", "8", "--layers", "1", "--context", "8", "--batch-size", "2"]
    sizes += ["--vocab-size", "0"]
    command = [sys.executable, "-m", "rinzler", "train", *words, *sizes, "--run-dir", "run"]
    done = subprocess.run(command, cwd=tmp_path, check=True, timeout=120, capture_output=True)
    assert done.stderr == b""
    found = points(tmp_path / "run")
    assert [step for step, _ in found["loss/train"]] == [2, 4]
    assert [step for step, _ in found["bpb/validation"]] == [2, 4]
