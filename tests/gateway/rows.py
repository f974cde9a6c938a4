"""Rows as the gateway would make them, for tests that look at the store alone."""

from datetime import UTC, date, datetime
from uuid import uuid4

from gateway.tables import Forecast, User


def a_forecast(**fields) -> Forecast:
    known = {
        "id": uuid4(),
        "created_at": datetime.now(UTC),
        "request_hash": "0" * 64,
        "model_name": "load",
        "model_version": "1",
        "model_type": "Ridge",
        "weather": "climatology",
        "origin": date(2014, 5, 31),
        "year": 2014,
        "month": 6,
        "answer": {"unit": "兆瓦 ⚡"},
        "stored_csv": "results/x.csv",
        "owner": "local",
    }
    return Forecast(**known | fields)


def a_user(**fields) -> User:
    number = uuid4()
    known = {
        "id": number,
        "name": str(number),
        "name_key": str(number),
        "email": "x@example.org",
        "role": "operator",
        "password": "-",
        "created_at": datetime.now(UTC),
    }
    return User(**known | fields)
