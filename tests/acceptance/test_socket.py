"""The Unix socket between the servers of one host: who may open it, what is found there, and when it goes."""

import socket
import stat
import time

HEAD = b"POST /v2/models/load/infer HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n"


def test_the_gateway_prefers_the_socket_which_goes_with_its_server(start, caller, past, tmp_path, free_port):
    path = tmp_path / "i.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))  # as a killed server leaves it
    inference = start.inference(FOREWATT_INFERENCE_SOCKET=path, FOREWATT_UNREADY_S=0)
    gateway = start.gateway(f"http://127.0.0.1:{free_port()}", FOREWATT_INFERENCE_SOCKET=path)  # nobody is at the URL
    inference.wait_until_ready()
    gateway.wait_until_ready()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    caller.base_url, caller.headers = gateway.url, gateway.right
    assert caller.post("/api/v1/forecasts", json={"series": past(100)}).status_code == 200
    (rows,) = caller.get("/v2/models/load").json()["inputs"]
    asked = {"inputs": [rows | {"shape": [1, rows["shape"][1]], "data": [0.5] * rows["shape"][1]}]}
    assert caller.post("/v2/models/load/infer", json=asked).status_code == 200
    assert inference.stop() == 0
    assert not path.exists()
    assert caller.post("/v2/models/load/infer", json=asked).status_code == 503


def test_who_waits_at_the_socket_is_answered_while_the_server_stops(start, tmp_path):
    path = tmp_path / "i.sock"
    inference = start.inference(FOREWATT_INFERENCE_SOCKET=path, FOREWATT_UNREADY_S=0)
    inference.wait_until_ready()
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rb") as answer:
        connection.settimeout(30)
        connection.connect(str(path))
        connection.sendall(HEAD)
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"  # so the question has begun
        answer.readline()
        inference.process.terminate()
        time.sleep(0.7)  # long enough to stop, if nobody waited for us
        connection.sendall(b'{"inputs": "missing"')
        assert answer.readline() == b"HTTP/1.1 400 Bad Request\r\n"
    assert inference.stop() == 0
    assert not path.exists()
