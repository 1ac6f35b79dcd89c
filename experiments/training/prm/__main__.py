"""Make a reward model: `python -m planneal.experiments.training.prm --config FILE.toml --model DIR --out DIR`.

The command makes the data, trains, calibrates, exports, measures and writes the model card. It resumes where it was
stopped, from the files in the run's folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..running import best_device
from .config import load_prm_config
from .pipeline import Where, make


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder of the language model")
    parser.add_argument("--out", type=Path, required=True, help="folder of the reward model")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--measure", type=int, default=100, help="problems of each family to measure it on")
    parser.add_argument("--device", default=best_device(), help="what it trains on")
    options = parser.parse_args(arguments)
    config = load_prm_config(options.config)
    command = (
        f"python -m planneal.experiments.training.prm --config {options.config} --model {options.model} "
        f"--out {options.out} --measure {options.measure}"
    )
    where = Where(options.model, options.runs / config.name, options.out, command)
    print(make(config, where, options.measure, options.device))


if __name__ == "__main__":
    main()
