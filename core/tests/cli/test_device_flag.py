"""--device N, and --vulkan for --backend vulkan: what they reach, and what they say."""

from __future__ import annotations

from pathlib import Path

from rinzler.cli.invocation import Invocation, spelt_out


def test_the_flag_reaches_the_run(requested) -> None:
    request = requested("--backend", "vulkan", "--device", "1")
    assert (request.backend, request.device) == ("vulkan", 1)
    assert requested().device is None


def test_vulkan_is_a_way_to_spell_a_backend(requested) -> None:
    assert requested("--vulkan").backend == "vulkan"
    assert requested("--vulkan", "--device", "0").device == 0
    assert requested("--steps", "3", "--", "--vulkan").names == ("--vulkan",)


def test_two_backends_are_one_too_many(shell) -> None:
    code, message = shell.refused("rinzler-train", "--vulkan", "--backend", "numpy")
    assert code == 2
    assert message.startswith("--backend is there twice; give it once")


def test_what_is_not_installed_says_what_to_install(shell) -> None:
    code, message = shell.refused("rinzler-train", "fox.txt", "--backend", "vulcan")
    assert code == 3
    assert message.startswith('backend "vulcan" is not installed. ')
    assert not Path("runs").exists()


def test_a_device_needs_a_backend_that_has_some(shell) -> None:
    for words, code, text in (
        (["--device", "1"], 2, "--device 1 of which backend? Name it: --backend NAME"),
        (["--device", "-1"], 2, "--device is -1, expected a whole number of at least 0"),
        (["--device", "x", "--backend", "numpy"], 2, "--device is 'x', expected a whole number"),
        (["--device", "0", "--backend", "numpy"], 3, "has no devices to choose from: ask for "),
    ):
        got, message = shell.refused("rinzler-train", "fox.txt", *words)
        assert got == code, message
        assert text in message
    assert not Path("runs").exists()


def test_commands_to_paste_keep_the_device(shell) -> None:
    shell.patch.setattr("sys.argv", ["rinzler-train", "a.txt", "--vulkan", "--device=1"])
    invocation = Invocation.of_this_process()
    resume = "rinzler-train --resume run --backend vulkan --device 1"
    assert invocation.resume(Path("run")) == resume
    assert invocation.again(device="0") == "rinzler-train a.txt --backend vulkan --device 0"


def test_words_behind_two_dashes_are_texts() -> None:
    assert spelt_out(["--vulkan", "--", "--vulkan"]) == ["--backend", "vulkan", "--", "--vulkan"]
