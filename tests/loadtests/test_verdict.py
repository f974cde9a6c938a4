"""Green, red or void: what is enough, what is not, and what says nothing."""

import json

import pytest

from loadtests.profiles import Profile
from loadtests.record import Book, Recorder
from loadtests.shapes import arrivals
from loadtests.verdict import EXIT, Asked, judge, publish, said

HOST = "http://127.0.0.1:1"


def profile(**changes) -> Profile:
    asked = {
        "suite": "infer",
        "name": "short",
        "arrivals": "constant",
        "level": 20,
        "targets": {"p99_ms": 50, "errors": 0},
    }
    return Profile(**(asked | changes))


def run(asked: Profile, took_s=lambda due: 0.010, cpu_share=0.3, late_s=0.001, **options) -> dict:
    """A run in which every planned request was answered as ``took_s`` says; ``None`` is a lost one."""
    recorder, planned = Recorder(asked.warmup_s), arrivals(asked.with_warmup)
    for due in planned:
        recorder.left(due, late_s)
        took = took_s(due)
        recorder.note("infer", due, took or 0.0, "ok" if took else "broken", "" if took else "500")
    recorder.used(cpu_share * asked.judged_s, asked.judged_s)
    book = Book()
    book.add("generator", recorder.page())
    return judge(asked, planned, book, Asked(HOST, **options))


def test_a_run_within_its_targets_is_green():
    found = run(profile())
    assert (found["verdict"], found["void"]) == ("green", [])
    assert found["calls"][0]["p99_ms"] == pytest.approx(10, rel=0.01)
    assert found["calls"][0]["per_s"] == pytest.approx(20, rel=0.01)


def test_a_missed_target_is_red_and_says_by_how_much():
    found = run(profile(), took_s=lambda due: 0.080)
    assert found["verdict"] == "red"
    assert any("p99_ms" in line and "missed by 30" in line for line in said(found))


def test_one_error_is_red_where_none_is_allowed():
    found = run(profile(), took_s=lambda due: 0.010 if due > 10 or due < 9.96 else None)
    assert found["verdict"] == "red"
    assert found["calls"][0]["outcomes"]["broken"] == 1
    assert any("1 × 500" in line for line in said(found))


@pytest.mark.parametrize(
    ("changes", "options", "why"),
    [
        ({}, {"cpu_share": 0.85}, "took 85% of a core"),
        ({}, {"late_s": 0.3}, "only 0.0% of 1200 arrivals left when they were due"),
        ({"seconds": 30}, {}, "30 s after the warm-up; 60 s are wanted"),
        ({"warmup_s": 1}, {}, "1 s of warm-up; 5 s are wanted"),
        ({"level": 7}, {}, "420 samples with 0 over 50 ms; to claim p99_ms takes 459"),
    ],
)
def test_a_run_that_says_nothing_is_void_and_never_green(changes, options, why):
    found = run(profile(**changes), **options)
    assert found["verdict"] == "void"
    assert EXIT[found["verdict"]] == 2
    assert any(why in reason for reason in found["void"])


def test_a_server_that_is_still_warming_up_makes_the_run_void():
    found = run(profile(), took_s=lambda due: 0.040 if due < 10 else 0.010)
    assert any("warm-up too short" in reason for reason in found["void"])


def test_arrivals_that_were_dropped_or_never_sent_make_a_run_void():
    asked, book, recorder = profile(), Book(), Recorder(5)
    for due in (due for due in arrivals(asked.with_warmup) if due < 30):
        recorder.left(due, 0.0)
        recorder.note("infer", due, 0.01, "ok")
    recorder.dropped(31.0)
    book.add("generator", recorder.page())
    found = judge(asked, arrivals(asked.with_warmup), book, Asked(HOST, official=False))
    assert found["verdict"] == "void"
    assert "1 of 1200 arrivals were dropped" in found["void"][0]
    assert "41.7% of 1200 arrivals left" in found["void"][1]


def test_a_percentile_of_nothing_is_told_as_nothing():
    found = run(profile(), took_s=lambda due: 0.080)
    found["checks"][0]["found"] = None
    assert any("p99_ms" in line and line.endswith("found nothing") for line in said(found))


def test_a_run_without_one_answer_is_void():
    found = judge(profile(), arrivals(profile().with_warmup), Book(), Asked(HOST, official=False))
    assert (found["verdict"], found["void"]) == ("void", ["nothing was asked; does the suite's address answer?"])


def test_an_unofficial_run_may_be_short_and_says_so():
    found = run(profile(seconds=5, warmup_s=0), official=False)
    assert found["verdict"] == "green"
    assert said(found)[0] == "infer.short: GREEN, unofficial"


def test_too_few_samples_do_not_excuse_a_missed_target():
    assert run(profile(level=7), took_s=lambda due: 0.080)["verdict"] == "red"


def test_rejections_are_counted_apart_from_errors_and_against_goodput():
    asked, book, recorder = profile(targets={"rejected": 0.05, "goodput": 0.95, "errors": 0}), Book(), Recorder(5)
    for number, due in enumerate(arrivals(asked.with_warmup)):
        recorder.left(due, 0.0)
        recorder.note("infer", due, 0.001, "rejected" if number % 10 == 0 else "ok", "503" if number % 10 == 0 else "")
    book.add("generator", recorder.page())
    found = judge(asked, arrivals(asked.with_warmup), book, Asked(HOST))
    assert {check["target"]: check["good"] for check in found["checks"]} == {
        "rejected": False, "goodput": False, "errors": True,
    }  # fmt: skip
    assert found["verdict"] == "red"


def test_a_story_that_waits_between_questions_counts_its_callers():
    asked, book, recorder = (
        profile(loop="closed", level=10, pause_s=1.0, targets={"concurrency": 9}),
        Book(),
        Recorder(5),
    )
    for caller in range(10):
        for turn in range(65):
            recorder.note("infer", turn + caller / 10, 0.020, "ok")
    book.add("generator", recorder.page())
    found = judge(asked, arrivals(asked.with_warmup), book, Asked(HOST, official=False))
    assert found["calls"][0]["concurrency"] == pytest.approx(10.2, rel=0.01)


def test_the_run_is_written_down_without_infinities_before_its_report(tmp_path, capsys):
    found = run(profile(), took_s=lambda due: None) | {"metrics": [], "server": {}}
    assert publish(found, tmp_path) == 1
    (written,) = tmp_path.glob("infer-short-*/run.json")
    assert json.loads(written.read_text())["calls"][0]["p99_ms"] is None
    assert (written.parent / "report.html").exists()
    assert "infer.short: RED" in capsys.readouterr().out
