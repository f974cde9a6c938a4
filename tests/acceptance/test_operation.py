"""What the people see who run both servers: who listens where, what is logged, what passes through."""

import json
import signal
import time

import psutil
import pytest


def test_nothing_listens_beyond_loopback(house):
    for server in (house.gateway, house.inference):
        sockets = [socket for member in server.family for socket in member.net_connections(kind="inet")]
        listening = {socket.laddr for socket in sockets if socket.status == psutil.CONN_LISTEN}
        assert int(server.url.rpartition(":")[2]) in {address.port for address in listening}
        assert {address.ip for address in listening} == {"127.0.0.1"}
        assert all(socket.raddr.ip == "127.0.0.1" for socket in sockets if socket.raddr)


def test_each_line_of_the_gateways_log_is_json_and_names_the_request(client, house, past):
    asked = client.post("/api/v1/forecasts", json={"series": past(20)}, headers={"X-Request-ID": "named-by-caller"})
    refused = client.post("/api/v1/forecasts", json={"series": past(3)})
    assert (asked.headers["x-request-id"], refused.status_code) == ("named-by-caller", 422)
    end = time.monotonic() + 5  # lines are written some at a time
    while refused.json()["trace_id"] not in (log := house.gateway.log.read_text()) and time.monotonic() < end:
        time.sleep(0.05)
    logged = [json.loads(line) for line in log.splitlines()]
    requests = {line["request_id"]: line for line in logged if line["logger"] == "gateway.access"}
    assert requests["named-by-caller"]["status"] == 200
    assert requests[refused.json()["trace_id"]]["status"] == 422
    assert all(requests)


def test_the_open_inference_protocol_passes_through_untouched(client, house):
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}  # else each answer names its own
    (rows,) = client.get("/v2/models/load").json()["inputs"]
    given = rows | {"shape": [2, rows["shape"][1]], "data": [0.5] * (2 * rows["shape"][1])}
    asked = (
        ("GET", "/v2/health/ready", None, 200),
        ("GET", "/v2", None, 200),
        ("GET", "/v2/models/load", None, 200),
        ("POST", "/v2/models/load/infer", {"inputs": [given]}, 200),
        ("POST", "/v2/models/load/infer", {}, 400),
        ("GET", "/v2/models/none", None, 404),
    )
    for method, path, body, status in asked:
        ours, theirs = (
            client.request(method, url + path, json=body, headers=trace) for url in ("", house.inference.url)
        )
        assert (ours.status_code, theirs.status_code, ours.content) == (status, status, theirs.content), path
        assert ours.headers.get("content-type") == theirs.headers.get("content-type")


def test_the_inference_server_unpickles_nothing(client, house, tmp_path):
    harmful = b"cos\nsystem\n(S'touch %s'\ntR." % str(tmp_path / "harm").encode()
    for media_type in ("application/vnd.bentoml+pickle", "application/octet-stream", "text/plain"):
        said = client.post(f"{house.inference.url}/forecast", content=harmful, headers={"Content-Type": media_type})
        assert 400 <= said.status_code < 500, (media_type, said.text)
    pickled = {"Content-Type": "application/vnd.bentoml+pickle"}
    assert client.post(f"{house.inference.url}/forecast", content=harmful, headers=pickled).status_code == 415
    assert not (tmp_path / "harm").exists()


def test_a_second_gateway_may_share_the_data_folder(client, house, start):
    second = start.gateway(house.inference.url, FOREWATT_DATA=house.data)
    second.wait_until_ready()
    for server in (second, house.gateway):
        said = client.post(f"{server.url}/api/predict", json={"new_data_path": "/uploads/power_data.csv"})
        assert said.status_code == 200
        assert (house.data / said.json()["stored_csv"]).is_file()
    assert second.stop() in (0, -signal.SIGTERM)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/openapi.json", "/docs"])
def test_what_an_operator_asks_is_answered_to_everybody(house, caller, path):
    assert caller.get(f"{house.gateway.url}{path}").status_code == 200
