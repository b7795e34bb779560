"""The Vulkan backend against the conformance kit: all that decides whether its results are right.

All of it under the validation layer with synchronization checks, which must stay silent.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from vulkan_testing import settings

from rinzler.conformance.subject import Subject
from rinzler.conformance.suite import *  # noqa: F403
from rinzler.plugins import plugins
from rinzler_vulkan.backend import VulkanBackend

GENERATED = 880  # `.ci/run` has 20,000


@pytest.fixture(scope="session")
def subject(driver: None) -> Iterator[Subject]:
    offer, _ = plugins().usable("vulkan:0")  # by number: it may be the software device
    made = Subject("vulkan:0", lambda: VulkanBackend(settings()), offer)
    yield made
    made.backend.close()


@pytest.fixture(autouse=True)
def _silent(subject: Subject) -> Iterator[None]:
    yield
    subject.backend.synchronize()
    assert subject.backend.instance.messages == []
