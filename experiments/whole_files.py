"""Files that are there as a whole or not at all: written beside their place, and put there in one go."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..planner.errors import RunError

__all__ = ["put_files", "written_whole"]


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Where to write a file meanwhile; it takes its place at the end, and a kill before leaves what was there.

    Args:
        path: The file; its folder must be there.
    """
    part = path.with_name(f".{path.name}.part")
    yield part
    os.replace(part, path)


def put_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Writes files into a folder, which is made if it is not there.

    Returns:
        The files.

    Raises:
        RunError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            with written_whole(folder / name) as part:
                part.write_bytes(data)
    except OSError as error:
        raise RunError(f"cannot write into {folder}: {error.strerror or error}; give another --out") from None
    return [folder / name for name in files]
