"""Dataclasses that become options: what passes, and what does not. Their flags: `test_flags.py`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rinzler.errors import ConfigError
from rinzler.plugins import PluginOptions, RunInfo, plugin_options, why_no_option

IMPORTS = "from dataclasses import dataclass, field\nfrom pathlib import Path\n"
HOOK = "@hookimpl\ndef rinzler_options():\n    return Options\n"


def options(*fields: str, frozen: bool = True, check: str = "") -> str:
    """The source of a light module with these fields: "every: int = 1" becomes one with a help."""
    lines = [f"@dataclass(frozen={frozen})", "class Options:"]
    for each in fields:
        name, _, default = each.partition(" = ")
        lines.append(f"    {name} = field(default={default}, metadata={{'help': 'how it is'}})")
    if check:
        lines += ["    def __post_init__(self):", f"        {check}"]
    return IMPORTS + "\n".join([*lines, ""]) + HOOK


FIELDS = (
    "on: bool = False",
    "every: int = 10",
    "rate: float = 1",
    "name: str = ''",
    "path: Path = Path('a')",
    "most: int | None = None",
)


def test_fields_become_flags_under_the_name_of_their_plugin(site):
    site.install_plugin("csv", options(*FIELDS))
    site.plugins()
    (offered,) = plugin_options()
    assert offered.name == "csv"
    assert [(each.field, each.flag, each.hint, each.default) for each in offered.options] == [
        ("on", "--csv-on", bool, False),
        ("every", "--csv-every", int, 10),
        ("rate", "--csv-rate", float, 1),
        ("name", "--csv-name", str, ""),
        ("path", "--csv-path", Path, Path("a")),
        ("most", "--csv-most", int | None, None),
    ]
    assert {each.help for each in offered.options} == {"how it is"}
    report = site.report("csv")
    assert (report.kind, report.state) == ("options", "ready")
    assert report.summary.startswith("adds --csv-on, --csv-every, --csv-rate, ")


def test_underscores_are_hyphens_in_flags(site):
    site.install_plugin("my_log", options("keep_all: bool = False"))
    site.plugins()
    assert plugin_options()[0].flags == ("--my-log-keep-all",)


def test_annotations_may_be_strings(site):
    source = "from __future__ import annotations\n" + options("path: Path | None = None")
    (site.path / "later_plugin.py").write_text(
        source.replace(IMPORTS, IMPORTS + "from rinzler.plugins import hookimpl\n"), "utf-8"
    )
    site.install("rinzler-later", {"later": "later_plugin"}, {})
    site.plugins()
    assert plugin_options()[0].options[0].hint == Path | None


@dataclass(frozen=True)
class Sample:
    every: int = field(default=0, metadata={"help": "steps between rows"})

    def __post_init__(self) -> None:
        if self.every < 0:
            raise ValueError(f"--csv-every is {self.every}, expected 0 or more")


def test_values_become_an_instance_that_has_checked_itself():
    offered = PluginOptions.of("csv", Sample)
    assert offered.make({"every": 7}) == Sample(7)
    assert offered.make({}) == Sample()
    with pytest.raises(ConfigError) as caught:
        offered.make({"every": -1})
    assert str(caught.value) == "plugin csv: --csv-every is -1, expected 0 or more"
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(("error", "said"), [(TypeError, "TypeError: no"), (SystemExit, "System")])
def test_a_check_that_fails_otherwise_is_named_too(error, said):
    def check(self):
        if self.every:
            raise error("no")

    record = dataclasses.make_dataclass(
        "Odd",
        [("every", int, field(default=0, metadata={"help": "x"}))],
        namespace={"__post_init__": check},
        frozen=True,
    )
    with pytest.raises(ConfigError, match=f"^plugin odd: {said}"):
        PluginOptions.of("odd", record).make({"every": 1})


def test_a_run_hands_out_what_was_typed_and_defaults_otherwise(tmp_path):
    typed = RunInfo(tmp_path, {}, {"other": "x", "csv": Sample(5)})
    assert typed.options["csv"] == typed.options_of(Sample) == Sample(5)
    assert RunInfo(tmp_path, {}).options_of(Sample) == Sample()
    with pytest.raises(TypeError, match="does not support item assignment"):
        typed.options["csv"] = Sample()


# name of the case, source of the light module, what the reason says
BROKEN = [
    (
        "raises",
        "@hookimpl\ndef rinzler_options():\n    1 / 0",
        "calling rinzler_options raised Zer",
    ),
    (
        "number",
        "@hookimpl\ndef rinzler_options():\n    return 7",
        "rinzler_options returned 7, expected a frozen dataclass",
    ),
    (
        "instance",
        options("every: int = 1").replace("return Options", "return Options()"),
        "rinzler_options returned Options(every=1), expected a frozen dataclass",
    ),
    ("plain_class", f"class Options: pass\n{HOOK}", "expected a frozen dataclass"),
    (
        "not_frozen",
        options("every: int = 1", frozen=False),
        "Options can be changed, expected @dataclass(frozen=True)",
    ),
    (
        "empty",
        f"{IMPORTS}@dataclass(frozen=True)\nclass Options: pass\n{HOOK}",
        "Options has no fields",
    ),
    (
        "list",
        options("every: list[int] = ()"),
        "Options.every is annotated list[int], expected bool, int, float, str or Path, or one of",
    ),
    ("union", options("every: int | str = 1"), "Options.every is annotated int | str, expected bo"),
    ("unknown_type", options("every: 'Pfad' = 1"), "raised NameError: name 'Pfad' is not defined"),
    (
        "no_default",
        f"{IMPORTS}@dataclass(frozen=True)\nclass Options:\n    every: int\n{HOOK}",
        "Options.every has no default: installing a plugin must not ask for a flag",
    ),
    (
        "no_help",
        f"{IMPORTS}@dataclass(frozen=True)\nclass Options:\n    every: int = 1\n{HOOK}",
        "Options.every has no help, expected field(metadata={",
    ),
    ("default_none", options("every: int = None"), "Options.every has the default None, expected"),
    ("default_bool", options("every: int = True"), "Options.every has the default True, expected"),
    ("default_text", options("p: Path = 'a'"), "Options.p has the default 'a', expected Path"),
    ("field_name", options("Every: int = 1"), "Options.Every cannot be a flag, expected a field"),
    (
        "not_init",
        options("every: int = 1").replace("metadata", "init=False, metadata"),
        "Options.every cannot be a flag, expected a field",
    ),
    (
        "own_check",
        options("every: int = 1", check="raise ValueError('never right')"),
        "calling rinzler_options raised ValueError: never right",
    ),
]


@pytest.mark.parametrize(
    ("source", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_broken_options_are_listed_with_their_reason_and_disturb_nothing(site, source, reason):
    site.install_plugin("good", options("every: int = 1"))
    site.install_plugin("bad", source + "\n")
    site.plugins()
    assert [each.name for each in plugin_options()] == ["good"]
    report = site.report("bad")
    assert (report.kind, report.state) == ("plugin", "broken")
    assert reason in report.reason
    assert "Traceback" in report.traceback
    why = why_no_option("--bad-every")
    assert why == f"plugin bad (rinzler-bad 1.0) is broken: {report.reason}"


def test_an_entry_point_that_cannot_begin_a_flag(site):
    site.install("rinzler-odd", {"Odd.One": "odd_plugin"}, {"odd_plugin": options("a: int = 1")})
    site.plugins()
    assert plugin_options() == []
    assert "entry point matches [a-z][a-z0-9_-]*, got 'Odd.One'" in site.report("Odd.One").reason


def test_nothing_to_offer_is_no_error(site):
    site.install_plugin("none", "@hookimpl\ndef rinzler_options():\n    return None\n")
    site.plugins()
    assert plugin_options() == []
    assert site.report("none").state == "ready"
