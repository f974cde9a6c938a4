"""Answers in each peer's own words are understood, and the report says who won, by how much, and who is missing."""

import numpy as np
import pytest

from loadtests.peers.forest import open_inference, prediction
from loadtests.peers.measure import Measured
from loadtests.peers.report import as_markdown
from loadtests.peers.roster import PEERS


def rounds(*rates, p99=10.0) -> list[Measured]:
    return [Measured(connections, rate, 1.0, p99, 0, 100.0, 300.0, 0.1) for rate in rates for connections in (1, 64)]


@pytest.mark.parametrize("answer", [b'{"outputs": [{"data": [2.5]}]}', b'{"prediction": 2.5}', b"[2.5]", b"2.5"])
def test_a_prediction_is_found_in_every_answer(answer):
    assert prediction(answer) == 2.5


def test_every_peer_is_asked_the_same_numbers_and_has_its_server_and_pins():
    row = np.array([1.25, -2.5])
    assert open_inference(row) in {peer.body(row) for peer in PEERS}
    for peer in PEERS:
        assert b"1.25, -2.5" in peer.body(row)
        assert (peer.folder / "server.py").is_file()
        assert peer.ours or "==" in peer.requirements.read_text()


def test_the_report_ranks_medians_and_names_who_is_missing():
    found = {"ours": rounds(100, 300, 200), "mosec": rounds(160, 160, 160), "echo": rounds(900)}
    text = as_markdown(PEERS, found, {"ray": "it did not start"}, "a machine", "a command")
    assert "× 1.25 of the best peer's (mosec, 160)" in text
    assert "| ours | 200 (100–300) |" in text
    assert text.index("| echo |") < text.index("| ours |") < text.index("| mosec |")
    assert "- ray: it did not start" in text
