"""What slo.toml says, and what is wrong with a bad one."""

import pytest

from loadtests import profiles
from loadtests.profiles import ProfileError, load, names

SUITES = ("forecast", "infer", "mixed", "submit_poll")


def test_every_suite_has_a_short_profile_of_official_length():
    for suite in SUITES:
        short = load(suite, "short")
        assert short.judged_s == pytest.approx(60)
        assert short.warmup_s >= 5
        assert short.targets


def test_every_profile_written_down_can_be_run():
    for suite in SUITES:
        for name in names(suite):
            profile = load(suite, name)
            assert profile.with_warmup[0].seconds == profile.warmup_s
            assert profile.why


def test_all_of_mlperfs_scenarios_are_there():
    assert {"single_stream", "multi_stream", "server", "offline"} <= set(names("infer"))
    assert load("infer", "server").judged_s == 600
    assert load("infer", "multi_stream").rows == 8


def test_a_change_replaces_a_field():
    assert load("infer", "short", level=7.0).stages[0].end == 7.0


def test_an_unknown_profile_is_answered_with_those_there_are():
    with pytest.raises(ProfileError, match=r"no \[infer.fast\]; of infer there are: short, single_stream"):
        load("infer", "fast")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[infer.short]\nlevel = 1\ntargets = { p98_ms = 3 }", "targets.p98_ms"),
        ("[infer.short]\nlevel = 0\ntargets = {}", "level: Input should be greater than 0"),
        ("[infer.short]\nlevle = 1\nlevel = 1\ntargets = {}", "levle: Extra inputs are not permitted"),
        ("[infer.short", "is not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_place(tmp_path, text, said):
    path = tmp_path / "slo.toml"
    path.write_text(text)
    with pytest.raises(ProfileError, match=said):
        profiles.load("infer", "short", path)
