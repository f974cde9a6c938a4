"""Inferences as clients write them: a row of ones to the forest."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from forest import FEATURES

TENSOR = {"name": "features", "shape": [1, FEATURES], "datatype": "FP64", "data": [1.0] * FEATURES}
BODY = json.dumps({"inputs": [TENSOR]}).encode()
MILLISECONDS = b"X-Forewatt-Deadline-Ms: %d\r\n"


def request(more: bytes = b"", body: bytes = BODY, path: bytes = b"/v2/models/forest/infer") -> bytes:
    """The head and the body."""
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b" % (path, len(body), more, body)
