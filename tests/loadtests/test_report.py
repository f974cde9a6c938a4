"""A run file becomes a page and Markdown that say the same, escape what is foreign, and load nothing from elsewhere."""

import json
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from loadtests.report import render, words
from loadtests.report.figures import Timeline
from loadtests.report.histograms import by_second, counts, percentiles, values_ms

TOP = 3_600_000_000
VOID_ELEMENTS = {"meta", "link", "br", "hr", "img", "input"}


def encoded(us) -> str:
    histogram = HdrHistogram(1, TOP, 3)
    for value, times in zip(*np.unique(np.asarray(us, dtype=int), return_counts=True), strict=True):
        histogram.record_value(int(value), int(times))
    return histogram.encode().decode()


def written(latencies_us, *, warmup_s=2, bad=None, **said) -> dict:
    """A run file of these latencies, one array a second; ``bad`` says by second what went wrong, and is lost."""
    bad = bad or {}
    series = [
        {"call": "infer", "second": second, "count": len(us), "bad": bad.get(second, {}), "histogram": encoded(us)}
        for second, us in enumerate(latencies_us)
    ]
    steady = np.concatenate(latencies_us[warmup_s:])
    causes = sum((Counter(one) for second, one in bad.items() if second >= warmup_s), Counter())
    finite = {name: float(np.quantile(steady, share)) / 1000 for name, share in SHARES.items()}
    seconds = len(latencies_us) - warmup_s
    late = int(np.sum((steady > 500_000) & (steady < TOP)))
    lost = int(np.sum(steady >= TOP))
    call = {
        "name": "infer", "verdict": True, "count": len(steady), "causes": dict(causes), "mean_in_flight": 1.2,
        "outcomes": {"ok": len(steady) - late - lost, "late": late, "no answer": lost}, "histogram": encoded(steady),
        "per_s": (len(steady) - lost) / seconds, "goodput": 1 - (late + lost) / len(steady),
        **{name: value if value < TOP / 1000 else None for name, value in finite.items()},
    }  # fmt: skip
    check = {"target": "p99_ms", "wanted": 150.0, "found": call["p99_ms"], "at_most": True}
    good = check["found"] is not None and check["found"] <= 150
    return {
        "suite": "infer", "profile": "steady", "host": "http://127.0.0.1:8080", "command": "locust -f infer.py",
        "began": "2026-11-22T05:00:00+00:00", "official": True, "loop": "open", "arrivals": "poisson",
        "stages": [[float(seconds), *2 * [float(round(len(steady) / seconds, -1))]]], "warmup_s": float(warmup_s),
        "seconds": float(seconds), "deadline_ms": 500.0, "rows": 1, "machine": "2 cores", "processor": "a processor",
        "versions": {"locust": "2.47.0"}, "server": {"version": "0.1.0", "settings": {"FOREWATT_BATCH_ROWS": "64"}},
        "generators": [{"index": 0, "cpu_share": 0.31, "planned": 6000, "sent": 6000, "punctual": 5999, "dropped": 0,
                        "lateness_p99_ms": 1.1}],
        "calls": [call], "series": series, "metrics": [], "checks": [check | {"good": good}], "void": [],
        "verdict": "green" if good else "red",
    } | said  # fmt: skip


SHARES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}


def latencies(seconds=12, rate=50, middle_us=9_000, seed=1) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.lognormal(np.log(middle_us), 0.35, random.poisson(rate)).astype(int) for _ in range(seconds)]


class Page(HTMLParser):
    """Fails where elements are not closed as they were opened; notes verdict, addresses, texts and figures' ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.verdicts, self.addresses, self.ids, self.texts = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)
        if (said.get("class") or "").startswith("verdict "):
            self.verdicts.append(said["class"].split()[1])
        self.addresses += [said[name] for name in ("href", "src", "xlink:href", "srcset") if name in said]
        self.ids += [said["id"]] if "id" in said else []
        assert tag not in ("script", "iframe", "object")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open = self.open[:-1] if tag not in VOID_ELEMENTS else self.open

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open[-1:] != ["style"]:
            self.texts.append(text)


def rendered(run, folder) -> tuple[Page, str]:
    page = render(json.loads(json.dumps(run, allow_nan=False)), folder)
    return Page(page.read_text()), (folder / "report.md").read_text()


SLOW = [us * 30 for us in latencies()]
VOID = {"verdict": "void", "void": ["the generator took 85% of a core; at 80% a generator measures itself"]}


@pytest.mark.parametrize(
    ("run", "word"),
    [
        (written(latencies()), "green"),
        (written(SLOW), "red"),
        (written(latencies(), **VOID), "void"),
        (written(latencies(), **VOID | {"verdict": "green"}), "void"),
        (written(SLOW, verdict="green"), "red"),
        (written(latencies(), verdict="splendid"), "void"),
    ],
)
def test_page_and_markdown_say_the_same_verdict_and_never_a_better_one_than_the_file_supports(run, word, tmp_path):
    page, text = rendered(run, tmp_path)
    assert page.verdicts == [word]
    assert text.startswith(f"# {word.upper()}: infer · steady\n")
    assert "".join(page.texts).strip().startswith(word.upper())


@pytest.mark.parametrize("found", [latencies(), SLOW])
def test_a_void_run_says_why_and_what_to_do_and_marks_no_target_as_met_or_missed(found, tmp_path):
    page, text = rendered(written(found, **VOID), tmp_path)
    for said in ("".join(page.texts), text):
        assert "85% of a core" in said
        assert "more generators" in said
        assert not re.search(r"\b(met|missed)\b|✓|✕", said)


def test_an_unofficial_run_says_so_loudly_and_an_official_one_does_not(tmp_path):
    for official in (True, False):
        page, text = rendered(written(latencies(), official=official), tmp_path)
        assert ("UNOFFICIAL" in "".join(page.texts), "UNOFFICIAL" in text) == (not official, not official)


def test_nothing_is_fetched_from_elsewhere_and_every_id_is_its_own(tmp_path):
    page, _ = rendered(written(latencies(), metrics=[{"second": 1, "cpu_share": 0.4}]), tmp_path)
    assert {address for address in page.addresses if not address.startswith("#")} == {"data:,"}
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids)) > 20
    text = (tmp_path / "report.html").read_text()
    assert re.findall(r"@import|url\((?!#)", text) == []
    assert {name[1:] for name in re.findall(r"url\(#[^)\"]+", text)} - {f"rl(#{one}" for one in page.ids} == set()


def test_foreign_words_stay_words(tmp_path):
    evil = "</pre><script>alert(1)</script>|`x`$\\frac$ 中"
    run = written(latencies(), host=evil, command=evil, processor=evil, bad={3: {evil: 1}}, suite=evil)
    page, text = rendered(run, tmp_path)
    assert "".join(page.texts).count("<script>") >= 4
    row = next(line for line in text.splitlines() if "alert" in line and line.startswith("|"))
    assert "\\<script\\>" in row
    assert len(re.findall(r"(?<!\\)\|", row)) == 4


def test_what_was_lost_is_shown_as_without_answer_and_by_cause(tmp_path):
    found = latencies()
    found[5] = np.append(found[5], [TOP] * 20)
    page, text = rendered(written(found, bad={5: {"ConnectionResetError": 20}}), tmp_path)
    assert page.verdicts == ["red"]
    assert "ConnectionResetError" in page.texts
    assert "| p99 | ≤ 150 ms | no answer | without bound | **missed** |" in text


@pytest.mark.parametrize("seconds", [1, 7, 3605])
def test_short_and_long_runs_have_all_their_figures_and_at_most_125_points(seconds, tmp_path):
    run = written(latencies(seconds + 2, rate=3))
    page, _ = rendered(run, tmp_path)
    assert {"Latency over time", "Latency by percentile"} <= set(page.texts)
    line = Timeline(run, by_second(run["series"], "infer", seconds + 2), [])
    assert min(seconds, 60) < len(line.middles) <= 125
    assert line.lengths.sum() == seconds + 2


def test_percentiles_of_merged_seconds_are_the_exact_ones_within_a_thousandth():
    found = latencies(30, rate=400)
    seconds = by_second(written(found)["series"], "infer", 30)
    exact = np.quantile(np.concatenate(found), [0.5, 0.95, 0.99, 0.999], method="inverted_cdf") / 1000
    merged = percentiles(seconds.weighted(np.ones((1, 30))), seconds.values, [0.5, 0.95, 0.99, 0.999])[0]
    assert merged == pytest.approx(exact, rel=0.001)
    whole = percentiles(counts(encoded(np.concatenate(found))), values_ms(), [0.99])
    assert whole == pytest.approx(exact[2:3], rel=0.001)


def test_seconds_are_cut_summed_and_counted_right():
    found = [np.array([1000, 2000]), np.array([3000]), np.array([600_000, TOP])]
    seconds = by_second(written(found, warmup_s=0, bad={2: {"500": 1}})["series"], "infer", 4)
    assert seconds.asked.tolist() == [2, 1, 2, 0]
    assert seconds.answered.tolist() == [2, 1, 1, 0]
    assert seconds.good(500).tolist() == [2, 1, 0, 0]
    assert seconds.between(1, 3).good(500).tolist() == [1, 0]
    p99 = percentiles(seconds.weighted(np.eye(4)), seconds.values, [0.99])[:, 0]
    assert p99[:2] == pytest.approx([2, 3], rel=0.001)
    assert (p99[2], np.isnan(p99[3])) == (np.inf, True)


def test_every_counter_stands_for_what_hdr_says_it_does():
    histogram = HdrHistogram(1, TOP, 3)
    for value in (1, 1023, 1024, 2047, 2048, 70_001, 500_000, 3_000_000_000):
        index = histogram.get_counts_array_index(value)
        assert values_ms()[index] * 1000 == pytest.approx(histogram.get_highest_equivalent_value(value))
    assert values_ms()[histogram.get_counts_array_index(TOP)] == np.inf


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (words.ms(0.8412), "0.841 ms"),
        (words.ms(99.96), "100 ms"),
        (words.ms(12_345), "12.3 s"),
        (words.ms(None), "no answer"),
        (words.share(1.0), "100 %"),
        (words.share(0.99996), "99.9960 %"),
        (words.share(0.00001), "0.0010 %"),
        (words.share(0.0), "0 %"),
        (words.number(6043.7), "6,044"),
        (words.target("goodput", 0.999), "99.9 %"),
        (words.apart("goodput", -0.005), "0.500 points"),
        (words.length(3600), "60 min"),
    ],
)
def test_numbers_have_sensible_digits_and_units(said, text):
    assert said == text


def test_a_run_in_which_nothing_was_asked_has_a_page(tmp_path):
    run = written(latencies(), calls=[], series=[], checks=[], verdict="void", void=["nothing was asked"])
    page, text = rendered(run, tmp_path)
    assert page.verdicts == ["void"]
    assert "nothing was asked" in text.lower()
