"""The programs that travel in the library's wheel: of the head, workers and janitors."""

from pathlib import Path

_BUNDLED = Path(__file__).parent / "bundled"


def bundled_folder(name: str) -> Path:
    """Find a folder of programs in the installed library.

    Args:
        name: `head` (the image's build context), `worker`, `aws_client` (what workers call AWS
            with), `task_s3` (the tasks' S3 client), or `janitors` (functions that tidy up).

    Raises:
        ValueError: The library is not installed from a wheel, so it carries no programs.
    """
    folder = _BUNDLED / name
    if not folder.is_dir():
        raise ValueError(
            f"the library was not installed from a wheel and contains no {name} programs:"
            f" pass their folder"
        )
    return folder
