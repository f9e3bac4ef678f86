"""The names of container images, as Docker reads them."""

import re

from local_aws.batch.runner import ContainerError

# https://github.com/distribution/reference/blob/main/reference.go has the grammar.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?"
_TAG = r":\w[\w.-]{0,127}"
_DIGEST = r"@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(rf"(?:{_DOMAIN}/)?{_PATH}(?:{_TAG})?(?:{_DIGEST})?", re.ASCII)
_CAPITALS = re.compile(rf"(?:{_DOMAIN}/)?(?P<path>[\w./-]+)(?:{_TAG})?(?:{_DIGEST})?", re.ASCII)


def check(image: str) -> None:
    """Fail the pull of what is no name of an image.

    The reason is the one that users see (https://github.com/nextflow-io/nextflow/issues/1537).

    Args:
        image: The image's name as the job definition has it.

    Raises:
        ContainerError: Docker would refuse the name.
    """
    if _REFERENCE.fullmatch(image):
        return
    reason = "invalid reference format"
    found = _CAPITALS.fullmatch(image)
    if found and _REFERENCE.fullmatch(image.replace(found["path"], found["path"].lower())):
        reason += f": repository name ({found['path']}) must be lowercase"
    raise ContainerError(f"CannotPullContainerError: Error response from daemon: {reason}")
