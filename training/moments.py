"""The past moments we pretend to stand in: serving, replayed, and split so that no target day is on both sides."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import TimeSeriesSplit

from bentos.load.features import design_matrix
from bentos.load.known import WEATHER, Known
from bentos.load.schema import ANNUAL_DAYS, MAX_LEAD_DAYS, MODEL_DAYS
from training.progress import steps

Floats = NDArray[np.float64]
Split = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class Replay:
    """What the model would have seen: a row for each moment and each known day after it, and what came.

    ``rows`` [N, features], ``target`` [N] in spreads, ``moment`` and ``day`` [N]; ``errors`` are the profile's
    whole trajectories [moments, MAX_LEAD_DAYS] where the weather was known, by kind of history.
    """

    rows: pd.DataFrame
    target: Floats
    moment: pd.DatetimeIndex
    day: pd.DatetimeIndex
    errors: dict[str, list[tuple[pd.Timestamp, Floats]]]

    def until(self, moment: pd.Timestamp) -> Replay:
        """Only what had been measured at ``moment``: the same as a replay of the series as it stood then."""
        measured = moment - pd.Timedelta(days=MAX_LEAD_DAYS)
        told_later = (self.rows["weather_known"] == 1) & (self.moment > measured)
        seen = np.asarray((self.day <= moment) & ~told_later)
        errors = {kind: [(at, e) for at, e in rows if at <= measured] for kind, rows in self.errors.items()}
        return Replay(self.rows[seen], self.target[seen], self.moment[seen], self.day[seen], errors)


def month_ends(known: Known, count: int) -> list[pd.Timestamp]:
    """The last ``count`` month ends after which a whole month has been measured.

    Raises ``ValueError`` where fewer stand in the series after its first two months, or none is wanted.
    """
    ends = month_ends_after(known, MODEL_DAYS)
    if not 1 <= count <= len(ends):
        raise ValueError(f"{count} origins are wanted and the series holds {len(ends)}. Want fewer or give more data.")
    return ends[-count:]


def month_ends_after(known: Known, days: int) -> list[pd.Timestamp]:
    """All month ends after which a whole month has been measured, from the one that has so many ``days`` before it."""
    first = pd.Timestamp(known.days.index[0]) + pd.Timedelta(days=days)
    return [end for end in pd.date_range(first, known.at, freq="ME") if end + pd.offsets.MonthEnd(1) <= known.at]


def replay(known: Known, step_days: int) -> Replay:
    """Stand in every ``step_days``-th past moment: with the weather ahead unknown and, where it came, also known."""
    first = pd.Timestamp(known.days.index[0]) + pd.Timedelta(days=MODEL_DAYS)
    moments = [*pd.date_range(first, known.at - pd.Timedelta(days=1), freq=f"{step_days}D")]
    hindsight = replace(known, ahead=known.days[WEATHER])
    frames: list[pd.DataFrame] = []
    errors: dict[str, list[tuple[pd.Timestamp, Floats]]] = {"short": [], "years": []}
    for moment in steps(moments, "replaying", "moment"):
        frames.append(_moment(known, moment))
        if (told := _moment(hindsight, moment))["weather_known"].all():
            frames.append(told)
        if len(told) == MAX_LEAD_DAYS:
            kind = "years" if len(known.days.loc[:moment]) >= ANNUAL_DAYS else "short"
            errors[kind].append((moment, told["target"].to_numpy()))
    table = pd.concat(frames)
    rows = table.drop(columns=["target", "moment"])
    moment, day = pd.DatetimeIndex(table["moment"]), pd.DatetimeIndex(table.index)
    return Replay(rows, table["target"].to_numpy(), moment, day, errors)


def _moment(known: Known, moment: pd.Timestamp) -> pd.DataFrame:
    """The rows at one moment and what came of them, as far as it has been measured."""
    design = design_matrix(known, moment, MAX_LEAD_DAYS)
    came = np.log(known.days["load"].reindex(design.days).to_numpy())
    target = (came - design.profile.centre) / design.profile.spread
    filled = design.days.isin(pd.DatetimeIndex(known.filled))  # nobody measured these: nothing to learn
    return design.rows.assign(target=target, moment=moment)[~filled].dropna(subset="target")


def splits(replayed: Replay, n_splits: int) -> list[Split]:
    """``TimeSeriesSplit`` of the moments, a gap as long as the horizon between, expanded to rows.

    Raises ``ValueError`` where there are too few moments.
    """
    moments = replayed.moment.unique()
    apart = np.diff(moments).astype("timedelta64[D]").astype(int).tolist()
    gap = math.ceil(MAX_LEAD_DAYS / min(apart, default=MAX_LEAD_DAYS))
    if len(moments) <= gap + n_splits:
        raise ValueError(
            f"{len(moments)} past moments are too few for {n_splits} splits with {MAX_LEAD_DAYS} days between. "
            "Give more data or a recipe with a shorter step or fewer splits."
        )
    size = max((len(moments) - gap) // (2 * n_splits), 1)
    folds = TimeSeriesSplit(n_splits, test_size=size, gap=gap).split(moments)
    return [
        (
            np.flatnonzero(replayed.moment.isin(moments[train])),
            np.flatnonzero(replayed.moment.isin(moments[test])),
        )
        for train, test in folds
    ]
