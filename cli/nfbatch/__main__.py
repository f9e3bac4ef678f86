"""The entry: whatever goes wrong is one line and an exit status."""

from __future__ import annotations

import errno
import os
import sys

import typer

from nfbatch.app import app
from nfbatch.error import Kind, NfbatchError
from nfbatch.options import CONTEXT


def main() -> None:
    """Runs the command and exits."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs the command.

    Args:
        arguments: Those after the program's name.

    Returns:
        The exit status; docs/nfbatch.md lists them.
    """
    try:
        status = app(arguments, prog_name="nfbatch", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Such as `nfbatch list | head`.
        _drop_output()
        return 0
    except typer.TyperException as error:
        return _usage(error)
    except (Exception, KeyboardInterrupt) as error:
        known = _known(error)
        if known is None:
            raise
        if isinstance(error, OSError):
            _drop_output()
        return _fail(known.kind, str(known))
    return int(status or 0)


def _usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    # An error without words shows the help.
    if not str(error) and context is not None:
        print(context.get_help())
        return Kind.BAD_INPUT
    message = getattr(error, "format_message", lambda: str(error))()
    command = context.command_path if context else "nfbatch"
    return _fail(Kind.BAD_INPUT, f"{message} (`{command} --help` shows what is allowed)")


def _drop_output() -> None:
    """Discard what is still to be printed, on which Python would fail again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _known(error: BaseException) -> NfbatchError | None:
    """What an error means to the user; None for a mistake in this program."""
    if isinstance(error, NfbatchError):
        return error
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return NfbatchError(Kind.INTERRUPTED, "interrupted")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = error.filename or "the output"
        return NfbatchError(Kind.BAD_INPUT, f"{what} cannot be written: the disk is full")
    # Without boto3 in memory, it cannot be an error of it.
    if "botocore" in sys.modules:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        from nfbatch import aws_error  # noqa: PLC0415

        if isinstance(error, BotoCoreError | ClientError):
            return aws_error.translate(error, CONTEXT.profile)
    return None


def _fail(kind: Kind, message: str) -> int:
    print(f"nfbatch: {message}", file=sys.stderr)
    return kind


if __name__ == "__main__":
    main()
