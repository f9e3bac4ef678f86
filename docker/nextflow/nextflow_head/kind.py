"""The kinds of value that an environment variable of the head can have."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nextflow_head.s3_uri import S3Uri


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        pattern: A regular expression for the whole value.
        allowed: The same in words.
        read: Makes the field's value of the text.
    """

    pattern: str
    allowed: str
    read: Callable[[str], Any] = str


_BUCKET = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
JOB_ID = Kind(
    r"(?=.{1,64}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*([:#][0-9]{1,5})?",
    "the id of a Batch job: letters and digits with single '-' between",
)
RESUMED_JOB = Kind(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}([:#][0-9]{1,5})?",
    "the id of the Batch job to resume, not its name, such as 0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
)
ATTEMPT = Kind(r"[1-9][0-9]?", "a number from 1 to 99", int)
REGION = Kind(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region such as us-west-2")
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
RETRY_MODE = Kind(r"standard|adaptive|legacy", "standard, adaptive or legacy")
ENDPOINT = Kind(r"https?://[^\s/=]+/?", "http://HOST:PORT, without a path")
_QUEUE = r"(arn:[a-z-]+:batch:[a-z0-9-]+:[0-9]{12}:job-queue/)?[A-Za-z0-9_-]{1,128}"
JOB_QUEUE = Kind(_QUEUE, "the ARN or the name of a job queue")
LABEL_QUEUES = Kind(
    rf"([A-Za-z][A-Za-z0-9_]*={_QUEUE}( |$))+",
    "LABEL=QUEUE for each label, separated by spaces, such as arm64=lab-graviton",
    lambda text: tuple(tuple(pair.split("=", 1)) for pair in text.split()),
)
QUEUE_LIMITS = Kind(
    rf"({_QUEUE}=[1-9][0-9]{{0,8}}:[1-9][0-9]{{0,8}}( |$))+",
    "QUEUE=VCPUS:MIB for each queue, separated by spaces, such as lab-gpu=96:350000",
    lambda text: tuple(
        (queue, int(vcpus), int(mib))
        for queue, vcpus, mib in re.findall(r"(\S+)=([0-9]+):([0-9]+)", text)
    ),
)
ROLE = Kind(r"arn:[a-z-]+:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+", "the ARN of an IAM role")
LOG_GROUP = Kind(r"[A-Za-z0-9_/.#-]{1,512}", "the name of a log group")
REGISTRIES = Kind(
    r"([a-z0-9.-]+=[a-z0-9.-]+(/[a-z0-9._-]+)+( |$))+",
    "REGISTRY=PLACE for each registry, separated by spaces, such as"
    " quay.io=123456789012.dkr.ecr.us-west-2.amazonaws.com/lab/quay",
)
# Nextflow requires the ending: the folder above it is what tasks see of the worker.
AWS_CLI = Kind(r"(/[A-Za-z0-9._+-]+)+/bin/aws", "an absolute path that ends in /bin/aws")
# https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
SHARE = Kind(r"[A-Za-z0-9]{1,255}", "the name of a share: letters and digits")
PRIORITY = Kind(r"0|[1-9][0-9]{0,3}", "a number from 0 to 9999", int)
SPOT_ATTEMPTS = Kind(r"[1-9]|10", "a number from 1 to 10", int)
SWITCH = Kind(r"true|false", "true or false", lambda text: text == "true")
NUMBER = Kind(r"[1-9][0-9]{0,8}", "a number from 1 to 999999999", int)
TAG_VALUE = Kind(r"[A-Za-z0-9 _.:/=+@-]{1,256}", "a name that the value of an AWS tag can hold")
# A key may hold any character.
S3_FILE = Kind(
    rf"{_BUCKET}/(?s:.*)[^/]", "a file in S3 such as s3://my-bucket/arguments.json", S3Uri.parse
)
# Nextflow puts these into shell scripts and compares them with what it lists. It resolves . and ..,
# and S3 does not.
S3_FOLDER = Kind(
    rf"{_BUCKET}(/(?!\.\.?(/|$))[^\s/]+)*/?",
    "an S3 location such as s3://my-bucket/_nextflow/runs, without . or .. as a part",
    S3Uri.parse,
)
_FOLDER = rf"{_BUCKET}(/[^\s/,]+)+"
S3_FOLDERS = Kind(
    rf"{_FOLDER}(,{_FOLDER})*",
    "folders in S3, separated by commas, such as s3://my-bucket/store",
    lambda text: tuple(S3Uri.parse(uri) for uri in text.split(",")),
)
TEXT = Kind(r"(?s:.*)", "a text")
