"""The deployments of an account and region, each described by a parameter in Parameter Store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nfbatch.error import Kind, NfbatchError
from nfbatch.s3_uri import S3Uri
from nfbatch.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nfbatch.aws import Aws

#: The parameters of all deployments lie below this path.
PATH = "/nextflow-batch"
#: The format that this program reads; a higher one needs a newer nfbatch.
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What one installation of Nextflow on AWS Batch tells; docs/nfbatch.md lists the fields.

    Attributes:
        name: Its name.
        job_definition: Name of the head's job definition.
        head_queue: The queue that is best for the head.
        queues: All its queues.
        logs: Where runs leave logs and reports.
        runs: Where work directories are.
        uploads: Where what users launch is put.
        log_group: Where head and tasks log.
        shares: How its queues are shared; None if they are not.
    """

    name: str
    job_definition: str
    head_queue: str
    queues: tuple[str, ...]
    logs: S3Uri
    runs: S3Uri
    uploads: S3Uri
    log_group: str
    shares: Shares | None = None

    @classmethod
    def read(cls, parameter: str, text: str) -> Deployment:
        """Reads a document.

        Args:
            parameter: The parameter's name, for messages.
            text: Its value.

        Raises:
            NfbatchError: It has another form.
        """
        try:
            document = json.loads(text)
            number = document["format"]
            if number != FORMAT:
                newer = isinstance(number, int) and number > FORMAT
                advice = "update nfbatch" if newer else "deploy it again"
                raise NfbatchError(
                    Kind.BAD_INPUT,
                    f"the SSM parameter {parameter} has format {number}, and this nfbatch reads"
                    f" format {FORMAT}: {advice}",
                )
            return cls(
                name=document["deployment"],
                job_definition=document["job_definition"],
                head_queue=document["head_queue"],
                queues=tuple(document["queues"]),
                logs=S3Uri.parse(document["logs"]),
                runs=S3Uri.parse(document["runs"]),
                uploads=S3Uri.parse(document["uploads"]),
                log_group=document["log_group"],
                shares=Shares.read(document["shares"]) if "shares" in document else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NfbatchError(
                Kind.BAD_INPUT,
                f"the SSM parameter {parameter} is not the document of a deployment: deploy it"
                " again",
            ) from None

    def head_share(self, queue: str, share: str | None = None) -> str | None:
        """The share of a head in a queue; none where the queue has no shares.

        Args:
            queue: The queue's name.
            share: The run's share; the deployment's default when not given.

        Raises:
            NfbatchError: The deployment has no such share.
        """
        if self.shares is None:
            if share:
                raise NfbatchError(
                    Kind.BAD_INPUT,
                    f"--share {share} is not allowed: the queues of {self.name} have no shares",
                )
            return None
        chosen = self.shares.check(share) if share else self.shares.default
        return chosen if queue in self.shares.queues else None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "deployment": self.name,
            "job_definition": self.job_definition,
            "head_queue": self.head_queue,
            "queues": list(self.queues),
            "logs": str(self.logs),
            "runs": str(self.runs),
            "uploads": str(self.uploads),
            "log_group": self.log_group,
            **({"shares": self.shares.as_json()} if self.shares else {}),
        }


def find(aws: Aws, name: str | None) -> Deployment:
    """The deployment to use.

    Args:
        aws: The account and region.
        name: Its name; the only one when not given.

    Raises:
        NfbatchError: There is none, or there are several.
    """
    documents = _documents(aws)
    if name is None and len(documents) == 1:
        (name,) = documents
    names = ", ".join(sorted(documents))
    if name is not None and name in documents:
        return Deployment.read(f"{PATH}/{name}", documents[name])
    if not documents:
        raise NfbatchError(
            Kind.NOT_FOUND,
            f"there is no deployment in {aws.region}: pass the region of yours with --region, or"
            " its account with --profile",
        )
    if name is None:
        raise NfbatchError(
            Kind.NOT_FOUND,
            f"there are several deployments in {aws.region}: choose one of {names} with"
            " --deployment",
        )
    raise NfbatchError(
        Kind.NOT_FOUND, f"there is no deployment {name!r} in {aws.region}: there is {names}"
    )


def find_all(aws: Aws) -> list[Deployment]:
    """All deployments of the account and region, by name."""
    documents = _documents(aws)
    return [Deployment.read(f"{PATH}/{name}", documents[name]) for name in sorted(documents)]


def _documents(aws: Aws) -> Mapping[str, str]:
    pages = aws.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"{PATH}/")
    return {
        parameter["Name"].rpartition("/")[2]: parameter["Value"]
        for page in pages
        for parameter in page["Parameters"]
    }


def names(aws: Aws) -> list[str]:
    """The names of all deployments, whatever their documents contain."""
    return sorted(_documents(aws))
