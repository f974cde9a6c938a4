"""What is read of a server's own page, and that a server which tells nothing disturbs nobody."""

import subprocess
import sys
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from bentos.serving.metrics import COUNTS, Counted, exposition
from loadtests.watch import Sample, Watch, between, read, sample

LABELS = ("watched", "1", "rows")
NOTHING = dict.fromkeys(
    ("queue_wait_ms", "batch_rows", "compute_ms", "queue_rows", "rejected_per_s", "cpu_share", "rss_mb")
)


@contextmanager
def serving(page, status=200, delay_s=0.0):
    """A server that answers every GET with what ``page`` gives; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(delay_s)
            body = page()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def counted():
    """An observer on the inference server's own page, with three requests waiting."""
    observer = Counted(LABELS, lambda: 3)
    COUNTS.add(observer)
    yield observer
    COUNTS.remove(*LABELS[:2])


def test_the_inference_servers_page_becomes_a_row_of_what_happened_between(counted):
    counted.computed(60, 0.9, 1)  # before anybody looked
    first = Sample(10.0, read(exposition()))
    for rows, seconds in ((8, 0.010), (16, 0.020)):
        counted.computed(rows, seconds, 1)
        counted.waited(0.004)
    counted.shed("deadline")
    counted.shed("queue_full")
    row = between(first, Sample(14.0, read(exposition())))
    assert row["second"] == 14
    assert (row["batch_rows"], row["queue_rows"], row["rejected_per_s"]) == (12, 3, 0.5)
    assert (row["compute_ms"], row["queue_wait_ms"]) == (pytest.approx(15), pytest.approx(4))
    assert row["cpu_share"] >= 0
    assert 10 < row["rss_mb"] < 100_000


def test_a_time_without_batches_has_no_mean_and_one_without_rejections_has_none(counted):
    row = between(Sample(0.0, read(exposition())), Sample(1.0, read(exposition())))
    assert row["batch_rows"] is row["compute_ms"] is row["queue_wait_ms"] is None
    assert row["rejected_per_s"] == 0


def test_a_server_that_was_started_anew_has_no_difference_to_before(counted):
    counted.computed(60, 0.9, 1)
    before = Sample(0.0, read(exposition()) | {"process_cpu_seconds_total": 1e9})
    row = between(before, Sample(1.0, read(exposition())))
    assert row["cpu_share"] is None


def test_labels_are_summed_and_other_metrics_are_left_alone():
    page = 'forewatt_queue_rows{model="a"} 2\nforewatt_queue_rows{model="b"} 3\nforewatt_queue_rows_else 9\nother 1\n'
    assert read(page) == {"forewatt_queue_rows": 5, "forewatt_admission_rejected_total": 0}


@pytest.mark.parametrize("page", [b"", b"\xff\x00<html>", b"forewatt_queue_rows{ 1\n", b"forewatt_queue_rows many\n"])
def test_a_page_that_is_none_tells_nothing(page):
    with serving(lambda: page) as url:
        assert sample(url).counted == {}


def test_an_error_a_silent_server_and_no_server_tell_nothing():
    with serving(lambda: exposition().encode(), status=500) as url:
        assert sample(url).counted == {}
    with serving(lambda: exposition().encode(), delay_s=0.3) as url:
        assert sample(url, timeout_s=0.05).counted == {}
    for address in (url, "nonsense", ""):
        assert sample(address, timeout_s=0.2).counted == {}


def test_a_watch_gives_rows_while_a_server_is_there_and_empty_ones_when_it_has_gone(counted):
    with serving(lambda: exposition().encode()) as url:
        watch = Watch(url, every_s=0.05)
        watch.start()
        while len(watch._samples) < 3:
            time.sleep(0.01)
    gone = len(watch._samples) + 3
    while len(watch._samples) < gone:
        time.sleep(0.01)
    rows = watch.stop()
    assert rows[0]["queue_rows"] == 3
    assert {name: value for name, value in rows[-1].items() if name != "second"} == NOTHING


def test_nothing_to_watch_or_nothing_watched_is_no_row():
    nobody = Watch("")
    nobody.start()
    assert nobody.stop() == Watch("http://127.0.0.1:9").stop() == []


def test_it_works_where_gevent_has_patched_everything(counted):
    code = (
        "from gevent import monkey; monkey.patch_all()\nimport sys, time\nfrom loadtests.watch import Watch\n"
        "watch = Watch(sys.argv[1], 0.05); watch.start(); time.sleep(0.5); print(watch.stop()[0]['queue_rows'])"
    )
    with serving(lambda: exposition().encode()) as url:
        command = [sys.executable, "-c", code, url]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    assert said.stdout == "3.0\n"
