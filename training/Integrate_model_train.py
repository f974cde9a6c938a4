"""The name under which users of the system before know the fit: ``python training/Integrate_model_train.py``.

It takes what ``python -m training load`` takes and does the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run by its path, Python would look for modules beside it
    from training.__main__ import main

    sys.exit(main(["load", *sys.argv[1:]]))
