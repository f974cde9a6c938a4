"""Pages of several generators, added up."""

import json
import math

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from loadtests.answers import percentile
from loadtests.record import LOST_US, Book, Recorder, added, encoded, histogram, percentile_ms


def booked(*recorders: Recorder) -> Book:
    book = Book()
    for number, recorder in enumerate(recorders):
        book.add(f"generator {number}", json.loads(json.dumps(recorder.page())))
    return book


def test_histograms_of_several_generators_have_the_percentiles_of_all_their_values():
    dice = np.random.default_rng(3)
    parts = [dice.lognormal(8, 1.5, 2000) for _ in range(3)]
    whole = ""
    for part in parts:
        whole = added(whole, encoded(part.astype(int).tolist()))
    values = np.concatenate(parts).astype(int) / 1000
    counted = HdrHistogram.decode(whole)
    for percent in (1, 50, 90, 99, 99.9):
        exact = percentile(values, percent / 100)
        assert percentile_ms(counted, percent) == pytest.approx(exact, rel=0.001)


def test_values_counted_together_are_those_that_the_histogram_cannot_tell_apart():
    values = [*np.random.default_rng(4).integers(0, LOST_US, 3000).tolist(), 0, 1, 2047, 2048, LOST_US]
    one_by_one = histogram()
    for value in values:
        one_by_one.record_value(max(value, 1))
    assert HdrHistogram.decode(encoded(values)).equals(one_by_one)


def test_what_is_lost_is_infinitely_late_and_what_is_rejected_has_no_latency():
    recorder = Recorder(warmup_s=0)
    for number in range(90):
        recorder.note("ask", number / 100, 0.010, "ok")
    for number in range(10):
        recorder.note("ask", number / 100, 0.002, "broken", "500")
        recorder.note("ask", number / 100, 0.001, "rejected", "503")
    whole = booked(recorder).total("ask")
    counted = HdrHistogram.decode(whole.latency)
    assert counted.get_total_count() == 100
    assert percentile_ms(counted, 90) == pytest.approx(10, rel=0.001)
    assert percentile_ms(counted, 91) == math.inf
    assert whole.causes == {"500": 10, "503": 10}
    assert whole.ok_s == pytest.approx(0.9)


def test_a_request_belongs_to_the_second_in_which_it_was_due():
    recorder = Recorder(warmup_s=2)
    recorder.note("ask", 1.9, 6.0, "late")
    recorder.note("ask", 2.1, 0.1, "ok")
    book = booked(recorder)
    assert book.total("ask", since=2).outcomes == {"ok": 1}
    assert book.total("ask", until=2).outcomes == {"late": 1}


def test_pages_of_two_generators_and_of_two_times_add_up():
    recorders = Recorder(warmup_s=0), Recorder(warmup_s=0)
    for recorder in recorders:
        recorder.left(0.1, 0.001)
        recorder.note("ask", 0.1, 0.020, "ok")
    book = booked(*recorders)
    recorders[0].left(5.0, 0.2)
    recorders[0].dropped(5.1)
    recorders[0].note("ask", 5.0, 0.020, "ok")
    recorders[0].used(0.5, 1.0)
    book.add("generator 0", recorders[0].page())
    assert book.total("ask").outcomes == {"ok": 3}
    first = book.generators["generator 0"]
    assert (first.sent, first.punctual, first.dropped, first.cpu_s) == (2, 1, 1, 0.5)
    assert HdrHistogram.decode(first.lateness).get_total_count() == 2


def test_warm_up_counts_for_no_generator():
    recorder = Recorder(warmup_s=5)
    recorder.left(4.9, 0.5)
    recorder.dropped(4.9)
    assert booked(recorder).generators["generator 0"].sent == 0
    assert booked(recorder).generators["generator 0"].dropped == 0


def test_no_values_have_no_percentile():
    assert math.isnan(percentile_ms(histogram(), 50))
