"""Real Locust processes against servers that are known."""

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bentos.fault.schema import HealthyPeriod, Question
from loadtests import questions
from loadtests.canaries import stubbed
from loadtests.suites import HERE, LOCUST, NoVerdictError, run
from loadtests.units import encoded, healthy_period

BRIEF = ("--unofficial", "--metrics-url", "", "--warmup-s", "1")


class Tasks(BaseHTTPRequestHandler):
    """Orders that are done when they have been asked after twice; each third one fails where ``fails`` is set."""

    protocol_version = "HTTP/1.1"
    fails = False
    asked: Counter[str]
    one_at_a_time = threading.Lock()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.one_at_a_time:
            self.asked["orders"] += 1
            number = self.asked["orders"]
        self.answer(202, {"taskId": str(number), "status": "PENDING"}, ("Location", f"/api/forecast/result/{number}"))

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        done = "FAILED" if self.fails and int(self.path.rpartition("/")[2]) % 3 == 0 else "COMPLETED"
        status = done if self.asked[self.path] > 1 else "RUNNING"
        self.answer(200, {"status": status}, ("Retry-After", "0"))

    def answer(self, status: int, said: dict, header: tuple[str, str]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def tasks(**behaviour) -> Iterator[str]:
    handler = type("Handler", (Tasks,), {"asked": Counter(), **behaviour})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_suite_sends_what_is_due_and_its_exit_code_says_the_verdict(tmp_path):
    with stubbed(["--service-ms", "20"]) as url:
        asked = ["--headless", "--only-summary", "--host", url, "--out", str(tmp_path), *BRIEF]
        command = [LOCUST, "-f", str(HERE / "infer.py"), *asked, "--level", "40", "--seconds", "2"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert "infer.short: RED, unofficial" in ended.stdout  # 20 ms are more than the 10 it promises
    assert ended.returncode == 1
    (report,) = tmp_path.glob("infer-short-*/report.html")
    found = json.loads(report.with_name("run.json").read_text())
    assert (
        found["generators"][0]["sent"]
        == found["calls"][0]["count"]
        == sum(one["planned"] for one in found["generators"])
    )
    assert found["calls"][0]["p50_ms"] >= 20
    assert found["calls"][0]["outcomes"]["ok"] == found["calls"][0]["count"]


def test_two_generators_share_one_schedule():
    with stubbed(["--service-ms", "5"]) as url:
        length = ("--level", "60", "--seconds", "3", "--processes", "2")
        found = run("infer", "regression", "--host", url, *BRIEF, *length)
    assert len(found["generators"]) == 2
    sent = [generator["sent"] for generator in found["generators"]]
    assert abs(sent[0] - sent[1]) <= 1
    assert found["calls"][0]["count"] == sum(sent)
    assert found["void"] == []


def test_a_closed_loop_asks_again_when_it_is_answered():
    with stubbed(["--service-ms", "50"]) as url:
        found = run("infer", "single_stream", "--host", url, *BRIEF, "--seconds", "3")
    assert 2 < found["calls"][0]["per_s"] <= 20
    assert found["calls"][0]["concurrency"] == pytest.approx(1, abs=0.3)


def test_callers_that_reach_nobody_are_lost_and_the_run_is_red():
    with stubbed([]) as url:
        pass  # it is gone
    found = run("infer", "short", "--host", url, *BRIEF, "--level", "20", "--seconds", "1")
    assert found["verdict"] == "red"
    assert found["calls"][0]["outcomes"]["no answer"] == found["calls"][0]["count"] > 0
    assert found["calls"][0]["p50_ms"] is None


def test_an_answer_without_what_it_must_hold_is_wrong():
    with tasks() as url:  # answers every POST, but with no forecast
        found = run("forecast", "short", "--host", url, *BRIEF, "--level", "10", "--seconds", "1")
    assert found["calls"][0]["outcomes"]["wrong"] == found["calls"][0]["count"] > 0


def test_a_fleets_requests_are_judged_together_and_told_apart():
    with stubbed([]) as url:
        found = run("mixed", "short", "--host", url, *BRIEF, "--level", "100", "--seconds", "3")
    counts = {call["name"]: call["count"] for call in found["calls"]}
    assert counts.pop("mixed") == sum(counts.values())
    assert counts["one row"] > counts["eight rows"]


def test_an_order_is_asked_after_until_it_is_there():
    with tasks() as url:
        found = run("submit_poll", "short", "--host", url, *BRIEF, "--level", "10", "--seconds", "2", "--warmup-s", "0")
    counts = {call["name"]: call["count"] for call in found["calls"]}
    assert counts["poll"] == 2 * counts["submit"]
    assert counts["submit_poll"] == counts["submit"]
    assert found["verdict"] == "green"


def test_an_order_that_fails_counts_against_the_server():
    with tasks(fails=True) as url:
        found = run("submit_poll", "short", "--host", url, *BRIEF, "--level", "10", "--seconds", "2")
    whole = next(call for call in found["calls"] if call["verdict"])
    assert whole["outcomes"]["broken"] == pytest.approx(whole["count"] / 3, abs=4)
    assert whole["causes"] == {"FAILED": whole["outcomes"]["broken"]}
    assert found["verdict"] == "red"


def test_a_profile_that_is_not_there_is_named_and_nothing_is_judged():
    with pytest.raises(NoVerdictError, match=r"slo.toml has no \[infer.nix\]; of infer there are: short"):
        run("infer", "nix", "--host", "http://127.0.0.1:1")


def test_questions_differ_from_each_other_and_are_the_same_every_time():
    for make in (
        questions.forecasts,
        questions.tensors,
        lambda: questions.diagnoses({}),
        lambda: questions.windows(2, 3),
    ):
        asked = make()
        assert len(set(asked.bodies)) == len(asked.bodies)
        assert asked == make()
    assert json.loads(questions.tensors(8).bodies[0])["inputs"][0]["shape"] == [8, 19]


def test_a_unit_that_is_asked_about_is_one_that_the_schema_takes():
    bodies = questions.diagnoses({"format": 1}).bodies
    assert {Question.model_validate_json(body).unit_id for body in bodies[:3]} == {"ahu-0", "ahu-1", "ahu-2"}
    assert HealthyPeriod.model_validate_json(encoded(healthy_period())).unit_id == "ahu"


def test_every_suite_is_a_file_of_its_own():
    assert {path.stem for path in Path(HERE).glob("*.py")} >= {
        "diagnose",
        "forecast",
        "infer",
        "mixed",
        "submit_poll",
        "window",
    }
