"""The registries whose images a deployment keeps copies of in ECR."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from nextflow_batch.arguments import Arguments
from nextflow_batch.names import RegistrySecretArn

if TYPE_CHECKING:
    from collections.abc import Iterator


class Upstream(NamedTuple):
    """A registry that ECR can copy from.

    Attributes:
        host: How images name it; docker.io also stands for images that name none.
        name: In the names of the copies' repositories.
        kind: ECR's word for it.
        url: Its address.
        secret: ARN of its credentials, if it asks for some.
    """

    host: str
    name: str
    kind: str
    url: str
    secret: str | None = None


class Registries(Arguments):
    """Copies of public images in ECR: tasks pull each image from its registry once.

    Attributes:
        docker_hub: Secret with the credentials of an account of Docker Hub.
        github: Secret with the credentials of an account of GitHub, for ghcr.io.
        quay: Whether images of quay.io are copied.
        ecr_public: Whether images of public.ecr.aws are copied.
        expires_days: Days after which a copy is deleted; the next task copies it again.
        scan_on_push: Whether ECR scans copies, and the head's image, when they arrive.
    """

    docker_hub: RegistrySecretArn | None = Field(
        default=None,
        description="Copy images of Docker Hub, with the credentials in this secret of this region"
        " (`username`, `accessToken`)",
    )
    github: RegistrySecretArn | None = Field(
        default=None,
        description="Copy images of ghcr.io, with the credentials in this secret of this region"
        " (`username`, `accessToken`)",
    )
    quay: bool = Field(default=False, description="Copy images of quay.io")
    ecr_public: bool = Field(default=False, description="Copy images of public.ecr.aws")
    expires_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Days after which a copy is deleted, so that the next task copies the image"
        " again; unset: never",
    )
    scan_on_push: bool = Field(
        default=False,
        description="Scan copies and the head image for vulnerabilities when they arrive; replaces"
        " the scanning configuration of ECR for the whole account and region",
    )

    def upstreams(self) -> Iterator[Upstream]:
        """The registries that are copied from."""
        if self.docker_hub:
            url = "registry-1.docker.io"
            yield Upstream("docker.io", "hub", "docker-hub", url, self.docker_hub)
        if self.github:
            yield Upstream("ghcr.io", "ghcr", "github-container-registry", "ghcr.io", self.github)
        if self.quay:
            yield Upstream("quay.io", "quay", "quay", "quay.io")
        if self.ecr_public:
            yield Upstream("public.ecr.aws", "ecr", "ecr-public", "public.ecr.aws")
