"""Names: not installed, misspelt, offered twice."""

from __future__ import annotations

import pytest

from rinzler.cli.backends import render_backends
from rinzler.errors import BackendError
from rinzler.plugins import choose_backend, open_device


def error_of(name: str) -> str:
    with pytest.raises(BackendError) as caught:
        open_device(name)
    return str(caught.value)


def test_not_installed_names_the_package_and_what_is_there(site):
    site.install_stranger()
    site.plugins()
    assert error_of("vulkan") == (
        'backend "vulkan" is not installed. pip install rinzler-vulkan (installed: stranger)'
    )
    assert error_of("my_gpu") == (
        'backend "my_gpu" is not installed. pip install rinzler-my-gpu (installed: stranger)'
    )


@pytest.mark.parametrize("typo", ["strange", "Stranger", "strnager", "rinzler-stranger"])
def test_did_you_mean(site, typo):
    site.install_stranger()
    site.plugins()
    assert error_of(typo) == (
        f'backend "{typo}" is not installed. Did you mean "stranger"? (installed: stranger)'
    )


def test_no_package_has_an_impossible_name(site):
    site.plugins()
    assert error_of("Tensor Cores!") == (
        'backend "Tensor Cores!" is not installed. rinzler backends lists every plugin '
        "(installed: none)"
    )


def test_broken_plugins_are_named_too(site):
    site.install_stranger()
    site.install_plugin("shy", "raise ValueError\n")  # might have offered "vulkan"
    site.plugins()
    assert error_of("vulkan") == (
        'backend "vulkan" is not installed. pip install rinzler-vulkan '
        "(installed: stranger; broken: shy, see: rinzler backends)"
    )


def test_auto_is_not_a_backend():
    assert error_of("auto") == (
        '"auto" is a choice, not a backend: take choose_backend("auto").device, '
        'or name one: open_device("numpy")'
    )


def install_rival(site, backends, distribution, entry_point, fields=""):
    """Another distribution whose backend calls itself stranger."""
    module = distribution.replace("-", "_") + "_plugin"
    source = backends(f"'stranger', 'strange_stranger.backend:Backend', {fields}")
    site.install(distribution, {entry_point: module}, {module: source}, version="6.6")


def test_two_distributions_with_one_name_are_refused(site, backends):
    site.install_stranger()
    site.install_stranger("calm", priority=1)
    install_rival(site, backends, "evil-twin", "stranger")
    plugins = site.plugins()
    assert error_of("stranger") == (
        'backend "stranger" is offered by evil-twin 6.6 and rinzler-stranger 1.0. '
        'Ask for "evil-twin:stranger" or "rinzler-stranger:stranger", or uninstall one of them'
    )
    listing = render_backends(plugins.reports("described"))
    assert listing.count(" duplicate ") == 2
    assert (
        'the name is also that of evil-twin 6.6; ask for it as "rinzler-stranger:stranger"'
        in listing
    )
    assert (
        'the name is also that of rinzler-stranger 1.0; ask for it as "evil-twin:stranger"'
        in listing
    )

    choice = choose_backend("auto")  # of the higher priority, but whose?
    assert choice.name == "calm"
    assert len(choice.notes) == 2
    assert all("duplicate: the name is also that of" in note for note in choice.notes)

    ours, theirs = open_device("rinzler-stranger:stranger"), open_device("evil-twin:stranger")
    assert ours is not theirs
    assert error_of("elsewhere:stranger").startswith(
        'backend "elsewhere:stranger" is not installed'
    )


def test_the_entry_point_of_that_name_owns_it_whoever_is_described_first(site, backends):
    site.install_stranger()
    install_rival(site, backends, "a-shadow", "aaa")
    plugins = site.plugins()
    plugins.describe()
    assert open_device("stranger") is open_device("rinzler-stranger:stranger")
    states = {each.distribution: each.state for each in plugins.reports("described")}
    assert states == {"rinzler-stranger": "open", "a-shadow": "duplicate"}
    assert choose_backend("auto").reason == "auto: highest priority of stranger"
    plugins = site.plugins()
    assert open_device("stranger") is open_device("rinzler-stranger:stranger")


def test_a_duplicate_that_could_not_be_used_anyway_says_that_first(site, backends):
    site.install_stranger()
    install_rival(site, backends, "evil-twin", "stranger", "requires=('no_such_package',)")
    reports = site.plugins().reports("described")
    states = {each.distribution: each.state for each in reports}
    assert states == {"rinzler-stranger": "duplicate", "evil-twin": "missing"}


def test_a_shadow_does_not_take_the_place_of_a_broken_owner(site, backends):
    site.install_stranger()
    (site.path / "rinzler_stranger_plugin.py").write_text("raise ValueError\n", encoding="utf-8")
    install_rival(site, backends, "a-shadow", "aaa")
    site.plugins().describe()
    assert "its plugin (rinzler-stranger 1.0) is broken" in error_of("stranger")
    assert "the name is also that of rinzler-stranger 1.0" in choice_error()
    assert open_device("a-shadow:stranger").name == "stranger"


def choice_error() -> str:
    with pytest.raises(BackendError) as caught:
        choose_backend("auto")
    return str(caught.value)


def test_blocking_one_of_two_settles_it(site, backends, monkeypatch):
    site.install_stranger()
    install_rival(site, backends, "evil-twin", "stranger")
    monkeypatch.setenv("RINZLER_BLOCK", "evil-twin")
    site.plugins()
    assert open_device("stranger") is open_device("rinzler-stranger:stranger")


def test_nothing_works(site):
    site.install_plugin("bad", "raise ValueError('boom')\n")
    site.plugins()
    with pytest.raises(BackendError) as caught:
        choose_backend("auto")
    assert str(caught.value) == (
        "no backend works here. pip install rinzler-numpy\n"
        "passed over bad (rinzler-bad): broken: importing rinzler_bad_plugin raised "
        "ValueError: boom. pip install --upgrade rinzler-bad"
    )
