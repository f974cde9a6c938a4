"""``make load``: the short suites against a started system, one verdict for all of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from loadtests.suites import NoVerdictError, run
from loadtests.verdict import EXIT, said

SHORT = ("infer", "forecast", "mixed")


def main() -> int:
    """0 where every suite is green, 1 where one is red, 2 where one says nothing."""
    options = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    options.add_argument("--host", default="http://127.0.0.1:8080", help="the gateway (%(default)s)")
    options.add_argument(
        "--metrics-url", default="http://127.0.0.1:3000/metrics", help="the inference server's (%(default)s)"
    )
    options.add_argument("--only", default=",".join(SHORT), metavar="SUITES", help="(%(default)s)")
    options.add_argument("--profile", default="short", help="of each suite in loadtests/slo.toml (%(default)s)")
    options.add_argument("--out", type=Path, default=Path(".forewatt/load"), help="the folder of reports (%(default)s)")
    asked, more = options.parse_known_args()
    addresses = ("--host", asked.host, "--metrics-url", asked.metrics_url)
    codes = {_verdict(suite, asked.profile, asked.out, *addresses, *more) for suite in asked.only.split(",")}
    return EXIT["red"] if EXIT["red"] in codes else max(codes)


def _verdict(suite: str, profile: str, out: Path, *options: str) -> int:
    try:
        found = run(suite, profile, *options, out=out)
    except NoVerdictError as broken:
        print(broken, flush=True)
        return EXIT["void"]
    print("\n".join(said(found)), flush=True)
    return EXIT[found["verdict"]]


if __name__ == "__main__":
    sys.exit(main())
