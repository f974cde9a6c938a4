"""What a caller gets for a good question."""


def test_a_history_is_answered_with_the_days_of_the_next_month(gateway, history):
    answer = gateway.post("/api/v1/forecasts", json={"series": history()})
    assert answer.status_code == 200, answer.text
    assert [day["date"] for day in answer.json()["days"]][::29] == ["2014-06-01", "2014-06-30"]
    assert len(answer.json()["top10"]) == 10


def test_live_asks_nobody_and_ready_asks_the_inference_server(gateway, inference):
    inference.ready = False
    assert gateway.get("/livez").status_code == 200
    assert not inference.seen
    refused = gateway.get("/readyz")
    assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
    inference.ready = True
    assert gateway.get("/readyz").status_code == 200
