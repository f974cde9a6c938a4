"""An environment for each peer, made from its pinned requirements and kept until these change."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from loadtests.peers.roster import Peer


class InstallError(Exception):
    """A peer's requirements cannot be installed; the text is what pip said last."""


def programs(peer: Peer, data: Path) -> Path:
    """The folder of the peer's ``python`` and other programs; ours has this interpreter's."""
    if peer.ours:
        return Path(sys.executable).parent
    environment = data / peer.name / "venv"
    wanted = hashlib.sha256(peer.requirements.read_bytes()).hexdigest()
    mark = environment / "installed"
    if not mark.exists() or mark.read_text() != wanted:
        print(f"installing {peer.name}", file=sys.stderr, flush=True)
        venv.create(environment, with_pip=True, clear=True)
        _install(environment, peer.requirements)
        mark.write_text(wanted)
    return environment / "bin"


def _install(environment: Path, requirements: Path) -> None:
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    found = subprocess.run([*pip, "-r", str(requirements)], capture_output=True, text=True, check=False)  # noqa: S603
    if found.returncode:
        raise InstallError((found.stderr.strip().splitlines() or ["pip failed"])[-1])


def version(peer: Peer) -> str:
    """The peer's own version where it is a distribution, else of the server it stands for."""
    pins = dict(line.split("==") for line in peer.requirements.read_text().splitlines()) if not peer.ours else {}
    return next((f"{name} {pins[name]}" for name in (peer.name, "uvicorn") if name in pins), "this checkout")
