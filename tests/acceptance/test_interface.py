"""What the interface's description promises holds for questions that are made from it, right and wrong ones."""

from loadtests import interface
from loadtests.orders.measure import account


def test_no_answer_is_undocumented_and_nothing_crashes(house, tmp_path):
    url = house.gateway.url
    code, said = interface.ask(url, account(url, "interface"), tmp_path, examples=2, seed=1)
    assert (code, interface.failures(said)) == (0, 0), said[-6000:]
    assert interface.cases(said) > 1000
