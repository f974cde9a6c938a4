"""Whatever happens to a task in whatever order: legal changes alone, each kept, one end, one result."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).parent))
from chores import a_row, connected, kept, order, over, seen

from gateway import tasks

ENDS = {"COMPLETED", "FAILED"}
LEGAL = {
    ("PENDING", "RUNNING"),  # claimed
    ("PENDING", "FAILED"),  # cancelled
    ("RUNNING", "RUNNING"),  # claimed by another after the lease
    ("RUNNING", "PENDING"),  # tried again later, or given back
    ("RUNNING", "COMPLETED"),
    ("RUNNING", "FAILED"),
}


class Life(RuleBasedStateMachine):
    """A task, and workers of whom some believe for long that they hold it."""

    database: Engine

    @initialize()
    def submitted(self):
        self.task = order(self.database)
        self.leases, self.completed, self.known = [], 0, []

    @property
    def row(self):
        return seen(self.database, self.task)

    def pick(self, which):
        """One who holds the task, or held it once, and whether he holds it still."""
        lease = self.leases[which % len(self.leases)]
        row = self.row
        return lease, row.status == "RUNNING" and row.attempt == lease.attempt

    def try_to(self, which, do):
        """Done by who holds it, refused to all others."""
        lease, holds = self.pick(which)
        try:
            do(lease)
        except tasks.LostError:
            assert not holds
            return False
        assert holds
        return True

    @rule()
    def somebody_claims(self):
        row = self.row
        due = row.status not in ENDS and row.due_at <= datetime.now(UTC)
        lease = tasks.claim(self.database, self.task.id)
        given_up = row.status == "RUNNING" and row.losses >= tasks.MOST_LOSSES
        assert (lease is not None) == (due and not given_up)
        if lease is not None:
            assert lease.attempt == row.attempt + 1
            self.leases.append(lease)

    @rule(times=st.integers(1, 4))
    def a_lease_or_a_wait_is_over_and_somebody_claims(self, times):
        for _ in range(times):
            over(self.database, self.task)
            self.somebody_claims()

    @precondition(lambda self: self.row.status in ENDS)
    @rule()
    def the_next_is_submitted(self):
        self.submitted()

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 30), news=st.none() | st.integers(0, 99))
    def a_beat(self, which, news):
        self.try_to(which, lambda lease: tasks.beat(self.database, lease, news, "fitting" if news else None, 1.0))

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 30))
    def a_completion(self, which):
        row = a_row(self.task.id)
        self.completed += self.try_to(
            which, lambda lease: tasks.complete(self.database, lease, {"n": 1}, lambda session: session.add(row))
        )

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 30))
    def a_failure(self, which):
        self.try_to(which, lambda lease: tasks.fail(self.database, lease, "too-short", "Import more."))

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 30))
    def a_retry(self, which):
        before = self.row.retries
        if self.try_to(which, lambda lease: tasks.retry(self.database, lease, "unavailable", "Later.")):
            after = self.row
            again = before < tasks.MOST_RETRIES
            assert (after.status, after.retries) == (("PENDING", before + 1) if again else ("FAILED", before))

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 30))
    def a_giving_back(self, which):
        self.try_to(which, lambda lease: tasks.give_back(self.database, lease))

    @rule(owner=st.sampled_from(["local", "bob"]))
    def a_cancellation(self, owner):
        unfinished = self.row.status not in ENDS
        assert tasks.cancel(self.database, owner, self.task.id) == (unfinished and owner == "local")

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 30))
    def a_result_that_cannot_be_kept(self, which):
        def breaks(session):
            raise ZeroDivisionError

        before = self.row.status
        with suppress(ZeroDivisionError, tasks.LostError):
            tasks.complete(self.database, self.pick(which)[0], {}, breaks)
        assert self.row.status == before

    @invariant()
    def the_history_is_legal_kept_and_agrees_with_the_row(self):
        row, steps = self.row, tasks.steps(self.database, self.task.id)
        told = [(step.number, step.status, step.attempt, step.reason, step.at) for step in steps]
        assert told[: len(self.known)] == self.known, "what was written once is never changed"
        self.known = told
        statuses = [step.status for step in steps]
        assert statuses[0] == "PENDING"
        assert {*pairwise(statuses)} <= LEGAL
        assert (statuses[-1], steps[-1].attempt) == (row.status, row.attempt)
        assert [step.number for step in steps] == [*range(1, len(steps) + 1)]
        begun = [step.attempt for step in steps if step.status == "RUNNING"]
        assert begun == [*range(1, len(begun) + 1)]

    @invariant()
    def it_ends_once_and_what_was_kept_is_there_exactly_if_it_completed(self):
        row = self.row
        assert kept(self.database, self.task) == self.completed == (row.status == "COMPLETED")
        assert sum(step.status in ENDS for step in tasks.steps(self.database, self.task.id)) == (row.status in ENDS)
        assert (row.error is not None) == (row.status == "FAILED")
        assert (row.result is not None) == (row.status == "COMPLETED")
        assert row.cancelled == (row.error is not None and row.error["code"] == "cancelled")
        assert row.retries <= tasks.MOST_RETRIES


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    engine = connected(tmp_path_factory.mktemp("life"))
    yield engine
    engine.dispose()


def test_every_life_of_a_task_is_a_legal_one(database):
    Life.database = database
    with_care = settings(max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=[*HealthCheck])
    run_state_machine_as_test(Life, settings=with_care)
