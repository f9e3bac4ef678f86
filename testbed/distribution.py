"""A Nextflow distribution of a test's own."""

import io
import tarfile


def distribution(files: dict[str, str]) -> bytes:
    """A .tar.gz with these files, all executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
