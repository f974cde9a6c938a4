"""What was measured as Markdown for people and JSON for programs: medians over rounds, and ratios to ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from loadtests.peers.environments import version
from loadtests.peers.measure import Measured
from loadtests.peers.roster import OURS_ALONE, Peer

Rounds = Mapping[str, Sequence[Measured]]  # by peer's name, all rounds and connections

HEAD = """# The same model behind every server

200 trees grown to the end on 8,760 × 20, one ONNX graph in float64, one row of JSON a request,
256 different rows in turn. {facts}

Made by `{command}`. In each round every server was started afresh, its answers compared with ONNX Runtime's own
(within 1e-6), then driven by wrk on one thread at each number of connections after a warm-up; the order of the servers
turns from round to round. One server process or worker each, `OMP_NUM_THREADS=1`, one thread for the model. All
but ours run the graph in ONNX Runtime; ours walks large forests by its own compiled code (bentos/serving/forests.py),
and `ours-onnxruntime` is our server without that. wrk and the server share the machine's cores, and wrk waits for each
answer before it asks again (a closed loop): compare ratios.
Medians over the rounds; in brackets the lowest and highest. CPU and memory are those of all of a server's processes.
"""


def as_markdown(peers: Sequence[Peer], rounds: Rounds, missing: Mapping[str, str], facts: str, command: str) -> str:
    """Tables by number of connections, then who is who and who is missing why."""
    text = [HEAD.format(facts=facts, command=command)]
    measured = [peer for peer in peers if rounds.get(peer.name)]
    text += _in_short(rounds)
    for connections in sorted({one.connections for found in rounds.values() for one in found}):
        text += _table(measured, rounds, connections)
    text += ["\n## Who is who\n", "| server | version | what | asked | memory, MB |", "|---|---|---|---|---|"]
    for peer in measured:
        memory = max(one.rss_mb for one in rounds[peer.name])
        text.append(f"| {peer.name} | {version(peer)} | {peer.how} | {peer.says} | {memory:,.0f} |")
    text += ["\n## Not measured\n"] + [f"- {name}: {why}" for name, why in missing.items()] if missing else []
    return "\n".join(text) + "\n"


def _in_short(rounds: Rounds) -> list[str]:
    """What the comparison is for, and whether the machine was quiet."""
    every = [one.others_cores for found in rounds.values() for one in found] or [0.0]
    lines = [f"Meanwhile other programs used {median(every):.2f} cores in the median, {max(every):.2f} at most."]
    rivals = {name for name, found in rounds.items() if found} - {"ours", OURS_ALONE, "echo"}
    if rounds.get("ours") and rivals:
        ours, best = _at("ours", rounds, 64), max((_at(name, rounds, 64) for name in rivals), key=lambda m: m["rate"])
        ratio = f"× {ours['rate'] / best['rate']:.2f} of the best peer's ({best['name']}, {best['rate']:,.0f})"
        tails = f"p99 {ours['p99']:.1f} ms, its {best['p99']:.1f} ms"
        lines.append(f"\n- 64 connections: {ours['rate']:,.0f} requests/s, {ratio}; {tails}.")
        if rounds.get(OURS_ALONE):
            alone = _at(OURS_ALONE, rounds, 64)
            ratio = f"× {alone['rate'] / best['rate']:.2f} of the best peer's"
            lines.append(
                f"- The same with ONNX Runtime alone: {alone['rate']:,.0f}, {ratio}; p99 {alone['p99']:.1f} ms."
            )
    if rounds.get("ours") and rounds.get("bare"):
        ours, bare = _at("ours", rounds, 1), _at("bare", rounds, 1)
        ratio = f"× {ours['p50'] / bare['p50']:.2f} of bare uvicorn's without batching"
        lines.append(f"- 1 connection: p50 {ours['p50']:.2f} ms, {ratio} ({bare['p50']:.2f} ms).")
    if rounds.get("ours") and rounds.get("echo"):
        ours, echo = _at("ours", rounds, 64), _at("echo", rounds, 64)
        lines.append(f"- CPU a request at 64 connections: {ours['cpu']:,.0f} µs, the echo's {echo['cpu']:,.0f} µs.")
    return lines


def _at(name: str, rounds: Rounds, connections: int) -> dict[str, Any]:
    """A server's medians at so many connections."""
    found = [one for one in rounds[name] if one.connections == connections]
    fields = {"rate": "requests_per_s", "p50": "p50_ms", "p99": "p99_ms", "cpu": "cpu_us"}
    return {"name": name} | {short: _middle(found, field) for short, field in fields.items()}


def _table(peers: Sequence[Peer], rounds: Rounds, connections: int) -> list[str]:
    rows = {peer.name: [one for one in rounds[peer.name] if one.connections == connections] for peer in peers}
    ranked = sorted((name for name in rows if rows[name]), key=lambda name: -_middle(rows[name], "requests_per_s"))
    ours = _middle(rows["ours"], "requests_per_s") if rows.get("ours") else None
    lines = [
        f"\n## {connections} connection{'s' if connections > 1 else ''}\n",
        "| server | requests/s | p50 ms | p99 ms | failed | CPU µs a request | ours is |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ranked:
        found = rows[name]
        rates = [one.requests_per_s for one in found]
        rate = f"{median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"
        ratio = f"× {ours / median(rates):.2f}" if ours and median(rates) and name != "ours" else ""
        times = f"{_middle(found, 'p50_ms'):.2f} | {_middle(found, 'p99_ms'):.1f}"
        failed = sum(one.failed for one in found)
        lines.append(f"| {name} | {rate} | {times} | {failed} | {_middle(found, 'cpu_us'):,.0f} | {ratio} |")
    return lines


def _middle(found: Iterable[Measured], field: str) -> float:
    return float(median(getattr(one, field) for one in found))


def write_json(path: Path, peers: Sequence[Peer], rounds: Rounds, about: Mapping[str, object]) -> None:
    """Every round, so that others can take other medians."""
    servers = [
        {
            "server": peer.name,
            "version": version(peer),
            "what": peer.how,
            "asked": peer.says,
            "measured": [one.as_row() for one in rounds[peer.name]],
        }
        for peer in peers
        if rounds.get(peer.name)
    ]
    path.write_text(json.dumps({**about, "servers": servers}, indent=1) + "\n")
