"""What routes depend on is handed over at once: each thread that is taken for it costs a request CPU and a wait."""

import inspect
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from matrix import routes

from gateway import accounts, logins
from gateway.app import create_app
from gateway.settings import Settings

LONG = {accounts._strong, logins._strong}  # they judge a password


def of(dependant):
    for one in dependant.dependencies:
        yield one.call
        yield from of(one)


def in_the_loop(call):
    return inspect.isasyncgenfunction(call) or any(map(inspect.iscoroutinefunction, (call, type(call).__call__)))


def test_no_route_depends_on_what_is_solved_in_a_thread():
    calls = {call for route in routes(create_app(Settings()).routes) for call in of(route.dependant)}
    assert len(calls) > 10
    assert {call for call in calls if not in_the_loop(call)} == LONG
