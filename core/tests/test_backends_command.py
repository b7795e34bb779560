"""What `rinzler backends` prints, from reports alone."""

from __future__ import annotations

import json

import pytest

from rinzler.cli.backends import render_backends
from rinzler.errors import BackendError
from rinzler.plugins import PluginReport

BOOM = ValueError("boom")


def report(name: str, **fields: object) -> PluginReport:
    values: dict[str, object] = {
        "name": name,
        "kind": "backend",
        "state": "ready",
        "reason": "",
        "mend": "",
        "distribution": f"rinzler-{name}",
        "version": "1.0",
        "value": f"rinzler_{name}.plugin",
        "priority": 40,
        "summary": "",
        "traceback": "",
        "error": None,
    }
    return PluginReport(**(values | fields))


GOOD = report("numpy", priority=0, state="open", summary="the readable reference")
BAD = report(
    "gpu",
    kind="plugin",
    state="broken",
    reason="importing rinzler_gpu.plugin raised ValueError: boom [/red] [link=x]",
    mend="pip install --upgrade rinzler-gpu",
    priority=None,
    version="",
    traceback="Traceback (most recent call last):\nValueError: boom\n",
    error=BOOM,
)
TEXT = report("python", kind="corpus", priority=None, distribution="rinzler-corpus")


def test_plain_columns():
    assert render_backends([GOOD, BAD, TEXT]).splitlines() == [
        "NAME    KIND     STATE   VERSION  DISTRIBUTION    PRIORITY  REASON",
        "numpy   backend  open    1.0      rinzler-numpy   0         the readable reference",
        "gpu     plugin   broken           rinzler-gpu               importing rinzler_gpu.plugin "
        "raised ValueError: boom [/red] [link=x]. pip install --upgrade rinzler-gpu",
        "python  corpus   ready   1.0      rinzler-corpus",
    ]


def test_one_line_each_whatever_the_reason_holds():
    text = render_backends([report("odd", state="unavailable", reason="no\ndriver\r\n at  all")])
    assert len(text.splitlines()) == 2
    assert "no driver at all" in text


def test_json_has_everything_but_the_exception():
    (entry,) = json.loads(render_backends([BAD], json=True))
    assert entry == {
        "name": "gpu",
        "kind": "plugin",
        "state": "broken",
        "reason": BAD.reason,
        "mend": BAD.mend,
        "distribution": "rinzler-gpu",
        "version": "",
        "value": "rinzler_gpu.plugin",
        "priority": None,
        "summary": "",
        "traceback": BAD.traceback,
        "certified": "",
    }
    assert render_backends([], json=True) == "[]\n"


def test_a_certified_backend_says_so_in_its_line():
    certificates = {("rinzler-numpy", "numpy"): "certified 2026-09-12: 8 tiers, 7,035 checks"}
    line = render_backends([GOOD, BAD], certificates=certificates).splitlines()[1]
    assert line.endswith("the readable reference (certified 2026-09-12: 8 tiers, 7,035 checks)")
    (numpy, gpu) = json.loads(render_backends([GOOD, BAD], json=True, certificates=certificates))
    assert numpy["certified"] == "certified 2026-09-12: 8 tiers, 7,035 checks"
    assert gpu["certified"] == ""


def test_verbose_prints_the_entry_point_and_the_stored_traceback():
    text = render_backends([GOOD, BAD], verbose=True)
    assert text.endswith(
        "\nnumpy (backend): rinzler_numpy.plugin\n"
        "\ngpu (plugin): rinzler_gpu.plugin\n"
        "Traceback (most recent call last):\nValueError: boom\n"
    )


@pytest.mark.parametrize("name", ["gpu", "rinzler-gpu", "rinzler-gpu:gpu"])
def test_one_name(name):
    text = render_backends([GOOD, BAD, TEXT], name=name)
    assert [line.split()[0] for line in text.splitlines()] == ["NAME", "gpu"]


def test_an_unknown_name():
    with pytest.raises(BackendError) as caught:
        render_backends([GOOD, BAD], name="numpi", json=True)
    assert str(caught.value) == (
        'no plugin is called "numpi". Did you mean "numpy"? (installed: gpu, numpy)'
    )
    with pytest.raises(BackendError) as caught:
        render_backends([], name="x")
    assert str(caught.value) == 'no plugin is called "x". (installed: none)'


def test_nothing_installed():
    assert render_backends([]) == "no plugin is installed. pip install rinzler-numpy\n"


def test_a_terminal_gets_colour_and_no_line_wider_than_itself():
    text = render_backends([GOOD, BAD, TEXT], terminal=True, width=90)
    assert "\x1b[32m" in text  # green
    assert "\x1b[31m" in text  # red
    plain = strip_colour(text)
    assert max(map(len, plain.splitlines())) <= 90
    assert "".join(plain.split()).count("[/red]") == 1  # brackets are text, not markup
    assert "pipinstall--upgrade" in "".join(plain.split())


def strip_colour(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)
