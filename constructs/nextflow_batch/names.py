"""The names that people give, as AWS accepts them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from nextflow_batch.arguments import Like
from nextflow_batch.problem import HiddenValueError

#: Part of the stacks' names, which may have 128 characters, and of paths and tags.
DeploymentName = Annotated[
    str,
    Like(
        r"[a-z][a-z0-9-]{0,23}",
        "up to 24 lower-case letters, digits and hyphens, beginning with a letter, such as lab",
    ),
]
#: A compute environment's key; part of its instances' Name tag.
ComputeName = Annotated[
    str,
    Like(
        r"[a-z][a-z0-9-]{0,31}",
        "up to 32 lower-case letters, digits and hyphens, beginning with a letter, such as spot",
    ),
]
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html
QueueName = Annotated[
    str,
    Like(
        r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}",
        "up to 128 letters, digits, hyphens and underscores, beginning with a letter or digit,"
        " such as default",
    ),
]
#: https://www.nextflow.io/docs/latest/reference/process.html#label
Label = Annotated[
    str,
    Like(
        r"[A-Za-z](?:[A-Za-z0-9_]{0,62}[A-Za-z0-9])?",
        "a label of Nextflow: letters, digits and underscores, such as process_gpu",
    ),
]
#: What the names of queues and job definition may begin with; nothing where it is empty.
NamePrefix = Annotated[
    str,
    Like(
        r"(?:[A-Za-z0-9][A-Za-z0-9_-]{0,31})?",
        'up to 32 letters, digits, hyphens and underscores, such as lab-, or ""',
    ),
]
#: Of a queue or job definition.
LONGEST_NAME = 128
#: Nextflow names its tasks' definitions nf-..., and the head may write these.
JobDefinitionName = Annotated[
    str,
    Like(
        r"(?!nf-)[A-Za-z0-9][A-Za-z0-9_-]{0,127}",
        "up to 128 letters, digits, hyphens and underscores, beginning with a letter or digit but"
        " not with nf-, as those of tasks do, such as nextflow",
    ),
]
Account = Annotated[
    str,
    Like(r"(?!0{12})\d{12}", 'the twelve digits of an account, in quotes, such as "123456789012"'),
]
VpcId = Annotated[
    str, Like(r"vpc-(?:[0-9a-f]{8}|[0-9a-f]{17})", "a VPC's id, such as vpc-0123456789abcdef0")
]
SubnetId = Annotated[
    str,
    Like(r"subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})", "a subnet's id, such as subnet-0123456789abcdef0"),
]
#: The six characters at its end are Secrets Manager's:
#: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
SecretArn = Annotated[
    str,
    Like(
        r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:(?!0{12})\d{12}:secret:"
        r"[A-Za-z0-9/_+=.@-]{1,512}-[A-Za-z0-9]{6}",
        "a secret's whole ARN, with the six characters at its end, such as"
        " arn:aws:secretsmanager:us-west-2:123456789012:secret:NAME-aB3dE5",
        HiddenValueError,
    ),
]
ImageId = Annotated[
    str, Like(r"ami-(?:[0-9a-f]{8}|[0-9a-f]{17})", "an AMI's id, such as ami-0123456789abcdef0")
]
#: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
ImageRepository = Annotated[
    str,
    Like(
        r"(?!.*\.dkr\.ecr\.)(?:arn:aws[a-z-]*:ecr:[a-z0-9-]+:\d{12}:repository/)?"
        r"(?:[a-z0-9][a-z0-9._-]*/)*(?:[a-z0-9][a-z0-9._-]*\*?|\*)",
        "an ECR repository's name, or its ARN, with * only at its end, such as lab/* or"
        " arn:aws:ecr:us-west-2:123456789012:repository/lab/*",
    ),
]
#: ECR takes credentials of other registries only from secrets with this name:
#: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-creating-secret.html
RegistrySecretArn = Annotated[
    str,
    Like(
        r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:(?!0{12})\d{12}:secret:"
        r"ecr-pullthroughcache/[A-Za-z0-9/_+=.@-]{1,490}-[A-Za-z0-9]{6}",
        "the whole ARN of a secret whose name begins with ecr-pullthroughcache/, such as"
        " arn:aws:secretsmanager:us-west-2:123456789012:secret:ecr-pullthroughcache/NAME-aB3dE5",
        HiddenValueError,
    ),
]
#: A key, not an alias: policies compare it with what S3 and EBS report.
KeyArn = Annotated[
    str,
    Like(
        r"arn:aws[a-z-]*:kms:[a-z0-9-]+:(?!0{12})\d{12}:key/(?:mrk-[0-9a-f]{32}|"
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
        "a key's ARN, not an alias, such as"
        " arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
]
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
Email = Annotated[
    str,
    Like(
        rf"(?=.{{1,64}}@)(?=.{{1,254}}$){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z]",
        "an e-mail address, such as lab@example.org",
    ),
]

#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(
    r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*(?:\.\.|\.-|-\.))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)
_BUCKET_AFFIXES = (
    ("xn--", "sthree-", "amzn-s3-demo-"),
    ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"),
)


def _bucket_name(name: str) -> str:
    if name.startswith(("s3://", "arn:")):
        raise ValueError("must be a bucket's name, without s3:// and without a path")
    starts, ends = _BUCKET_AFFIXES
    if name.startswith(starts) or name.endswith(ends):
        affixes = ", ".join((*starts, *ends))
        raise ValueError(f"must not begin or end with what S3 reserves: {affixes}")
    if not _BUCKET.fullmatch(name):
        raise ValueError(
            "must be a name that S3 accepts: 3 to 63 lower-case letters, digits, dots and hyphens,"
            " beginning and ending with a letter or digit, no dot beside a dot or hyphen, not an IP"
            " address, such as lab-genomes"
        )
    return name


def _prefix(prefix: str) -> str:
    if prefix.startswith("s3://"):
        raise ValueError("must be a prefix inside the bucket, without s3:// and the bucket's name")
    parts = prefix.split("/")
    if not all(re.fullmatch(r"[A-Za-z0-9!_.'()-]+", part) for part in parts):
        raise ValueError(
            "must be one or more names joined by single slashes, without a slash at either end,"
            " such as lab/nextflow"
        )
    if {".", ".."} & set(parts):
        raise ValueError("must not have . or .. as a part: tools resolve them, S3 does not")
    if len(prefix) > _LONGEST_PREFIX:
        raise ValueError(
            f"must have at most {_LONGEST_PREFIX} characters: an S3 key has at most 1,024"
        )
    return prefix


_LONGEST_PREFIX = 200

BucketName = Annotated[str, AfterValidator(_bucket_name)]
Prefix = Annotated[str, AfterValidator(_prefix)]
