"""Whether a difference between two runs is real: said when it is, not when it is not, refused where nobody knows."""

import json

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from scipy.sparse import csr_array

from loadtests.report import compare
from loadtests.report.__main__ import main
from loadtests.report.difference import block_length, differences, holm
from loadtests.report.histograms import LOST_US, Seconds


def alike(seconds=60, rate=40, *, middle_ms=9.0, phi=0.5, seed=0) -> list[np.ndarray]:
    """Latencies whose level wanders from second to second as an autoregression does."""
    random = np.random.default_rng(seed)
    levels, level = [], random.normal(0, 0.15)
    for push in random.normal(0, 0.15 * np.sqrt(1 - phi**2), seconds):
        level = phi * level + push
        levels.append(level)
    return [middle_ms * np.exp(level + random.normal(0, 0.3, random.poisson(rate))) for level in levels]


def counted(latencies_ms) -> Seconds:
    """As it is read from a run file, without the file."""
    rounded = [np.round(ms, 1) for ms in latencies_ms]
    values, column = np.unique(np.concatenate(rounded), return_inverse=True)
    many = np.array([len(ms) for ms in rounded])
    row = np.repeat(np.arange(len(many)), many)
    counts = csr_array((np.ones(len(row)), (row, column)), shape=(len(many), len(values)))
    return Seconds(0, values, counts, many.astype(float), {})


def written(latencies_ms, **said) -> dict:
    """A run file with two seconds of warm-up, which are nothing like the rest."""
    series = [
        {"call": "infer", "second": second, "count": len(ms), "bad": {}, "histogram": encoded(ms)}
        for second, ms in enumerate([[5000.0] * 9, [5000.0] * 9, *latencies_ms])
    ]
    whole = {"name": "infer", "verdict": True, "histogram": encoded(np.concatenate(latencies_ms))}
    return {
        "suite": "infer", "profile": "steady", "loop": "open", "arrivals": "poisson", "rows": 1, "warmup_s": 2.0,
        "stages": [[60.0, 50.0, 50.0]], "seconds": float(len(latencies_ms)), "deadline_ms": 500.0, "official": True,
        "machine": "2 cores", "processor": "one", "generators": [{}], "calls": [whole], "series": series, "void": [],
        "verdict": "green", "checks": [], "began": "2026-11-22T05:00:00+00:00",
    } | said  # fmt: skip


def encoded(latencies_ms) -> str:
    histogram = HdrHistogram(1, LOST_US, 3)
    us = np.where(np.isinf(latencies_ms), LOST_US, np.round(latencies_ms, 1) * 1000).astype(int)
    for value, times in zip(*np.unique(us, return_counts=True), strict=True):
        histogram.record_value(int(value), int(times))
    return histogram.encode().decode()


def lost(share: float, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [np.where(random.random(len(ms)) < share, np.inf, ms) for ms in alike(seed=seed)]


@pytest.mark.parametrize(("phi", "pairs", "most"), [(0.0, 20, 1), (0.5, 60, 3), (0.8, 40, 6)])
def test_two_runs_of_the_same_are_seldom_called_different(phi, pairs, most):
    told = 0
    for seed in range(pairs):
        pair = counted(alike(phi=phi, seed=2 * seed)), counted(alike(phi=phi, seed=2 * seed + 1))
        found = differences(pair, (500.0, 500.0), block_length(pair), seed)
        told += any(one.real for one in found)
    assert told <= most


def test_requests_drawn_one_by_one_would_see_differences_that_are_none():
    pair = counted(alike(phi=0.9, seed=1)), counted(alike(phi=0.9, seed=3))
    narrow = differences(pair, (500.0, 500.0), 1)[0]
    wide = differences(pair, (500.0, 500.0), block_length(pair))[0]
    assert wide.high - wide.low > 1.4 * (narrow.high - narrow.low)


@pytest.mark.parametrize("seed", range(4))
def test_a_third_more_latency_is_found_and_its_size_lies_in_the_interval(seed):
    found = compare(written(alike(seed=seed)), written(alike(seed=100 + seed, middle_ms=11.7)))
    p50, p95, p99, rate, goodput = found.differences
    assert found.verdict == "worse"
    assert [one.sign for one in (p50, p95, p99)] == ["worse"] * 3
    assert p50.low < 0.3 * p50.a < p50.high
    assert p50.a == pytest.approx(np.median(np.concatenate(alike(seed=seed)).round(1)), rel=0.002)
    assert (rate.sign, goodput.real) != ("worse", True)


def test_the_way_back_is_better_and_so_no_worse():
    found = compare(written(alike(middle_ms=11.7)), written(alike(seed=1)))
    assert (found.verdict, found.differences[0].sign) == ("no worse", "better")


def test_lost_requests_make_a_run_worse_and_an_infinite_percentile_is_no_accident():
    found = compare(written(lost(0.0, 1)), written(lost(0.04, 2)))
    by_name = {one.name: one for one in found.differences}
    assert by_name["goodput"].sign == "worse"
    assert (by_name["p99_ms"].sign, by_name["p99_ms"].b) == ("worse", np.inf)
    again = compare(written(lost(0.04, 1)), written(lost(0.04, 2)))
    assert again.verdict == "no worse"


def test_the_same_seed_draws_the_same():
    a, b = written(alike(seed=1)), written(alike(seed=2))
    assert compare(a, b).differences == compare(a, b).differences
    assert compare(a, b, seed=2).differences != compare(a, b).differences


def test_looking_at_several_figures_is_paid_for():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"void": ["too busy"], "verdict": "void"}, "void: too busy"),
        ({"suite": "forecast"}, "suite"),
        ({"profile": "soak"}, "profile"),
        ({"stages": [[60.0, 60.0, 60.0]]}, "60.0 requests/s"),
        ({"rows": 8}, "rows"),
        ({"machine": "4 cores"}, "machine"),
        ({"generators": [{}, {}]}, "generators: 1 and 2"),
        ({"calls": []}, "no call"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_reason_unless_asked_for_anyway(said, word):
    a, b = written(alike()), written(alike(seed=1), **said)
    found = compare(a, b)
    assert (found.verdict, list(found.differences)) == ("cannot say", [])
    assert word in "; ".join(found.objections)
    if "calls" not in said:
        anyway = compare(a, b, anyway=True)
        assert (anyway.objections, anyway.verdict) == (found.objections, "no worse")


def test_runs_too_short_to_show_anything_are_refused_even_anyway():
    a = written(alike(39))
    assert compare(a, written(alike(39, middle_ms=90)), anyway=True).verdict == "cannot say"
    assert "40 s are needed" in compare(a, a).objections[-1]


@pytest.mark.parametrize(
    ("b", "code", "word"),
    [
        (written(alike(seed=1)), 0, "no worse"),
        (written(alike(seed=1, middle_ms=12)), 1, "worse"),
        (written(lost(0.04, 1)), 1, "worse"),
        (written(alike(seed=1), profile="<b>"), 2, "cannot say"),
    ],
)
def test_the_command_says_it_by_exit_code_page_markdown_and_json(b, code, word, tmp_path, capsys):
    for name, run in (("a.json", written(alike())), ("b.json", b)):
        (tmp_path / name).write_text(json.dumps(run))
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--out", str(tmp_path / "out")]) == code
    page, text = ((tmp_path / "out" / f"compare.{kind}").read_text() for kind in ("html", "md"))
    said = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert (said["verdict"], text.split(":")[0]) == (word, f"# {word.upper()}")
    assert f'class="verdict {word.replace(" ", "-")}"' in page
    assert said["sentence"].rstrip(".") in text.replace("\\", "")
    assert word.upper() in capsys.readouterr().out
    assert "<b>" not in page


@pytest.mark.parametrize("content", ["no json", "[]", "{}", None])
def test_a_file_that_is_no_run_ends_with_2_and_a_word(content, tmp_path, capsys):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    assert main([str(path)]) == 2
    assert "no run file" in capsys.readouterr().err
