"""What a deploy gives a worker: its user data and its programs, from the synthesized template."""

from __future__ import annotations

import json
import re
import zipfile
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from testbed.kernel_cloud import LOG_GROUP, REGION, Cloud
from testbed.kernel_guest import Guest
from testbed.resources import only, text
from testbed.synthesized import changed, of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.kernel_image import Image

DEPLOYMENT = "default"
TAGS = {"nextflow-batch:deployment": DEPLOYMENT}
DEVICE = "/dev/xvdba"
#: What a boot may take on a slow machine; it is no measure.
BOOT_SECONDS = 600
#: GiB, the least that the settings allow.
SIZE = 20
# Without an S3 client among the programs, the AWS CLI would come from the internet.
_STAND_IN = """
mkdir -p /opt/aws-cli/v2/{0}/dist
printf '#!/bin/sh\\necho aws-cli/{0} stand-in\\n' >/opt/aws-cli/v2/{0}/dist/aws
chmod +x /opt/aws-cli/v2/{0}/dist/aws
"""

# What Batch adds when it makes its own launch template of ours.
# https://github.com/aws/aws-cdk/issues/9900
_BATCHS_PART = """--//nextflow-batch//
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
echo ECS_CLUSTER=batch-cluster >>/etc/ecs/ecs.config
echo ECS_RESERVED_MEMORY=32 >>/etc/ecs/ecs.config
"""
_END = "--//nextflow-batch//--"


class Worker(NamedTuple):
    """What is deployed.

    Attributes:
        user_data: As an instance reads it.
        bucket: Where its programs are.
        key: Under which key.
        programs: The archive.
    """

    user_data: str
    bucket: str
    key: str
    programs: bytes

    def publish(self, cloud: Cloud) -> None:
        """Put the programs where an instance fetches them."""
        s3 = cloud.client("s3")
        where = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=where)
        s3.put_object(Bucket=self.bucket, Key=self.key, Body=self.programs)


def deployed(**changes: object) -> Worker:
    """Synthesize the default settings with some changed, and resolve what CloudFormation would."""
    templates = of(changed("default", **changes))
    launch = only(templates["batch"], "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    user_data = text(launch["UserData"])
    for reference, value in {
        r"\$\{AWS::AccountId\}": "123456789012",
        r"<AWS::Region>": REGION,
        r"<[\w-]+:ExportsOutputRefStorageLogs\w+>": LOG_GROUP,
    }.items():
        user_data = re.sub(reference, value, user_data)
    document = json.loads(user_data.partition("END OF DOCUMENT'\n")[2].partition("\nEND OF")[0])
    bucket, key = document["asset_bucket"], document["asset_key"]
    folder = templates.directory / f"asset.{key.partition('.')[0]}"
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as programs:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                programs.write(file, file.relative_to(folder))
    if not (folder / "task_s3").is_dir():
        version = json.loads((folder / "aws-cli.lock").read_text())["version"]
        user_data = user_data.replace("\nset -euo", _STAND_IN.format(version) + "set -euo", 1)
    assert user_data.count(_END) == 1
    user_data = user_data.replace(_END, _BATCHS_PART + _END)
    return Worker(user_data, bucket, key, archive.getvalue())


class Life(NamedTuple):
    """A worker and its AWS.

    Attributes:
        cloud: The AWS.
        guest: The machine.
        volume: Id of the launch template's volume.
    """

    cloud: Cloud
    guest: Guest
    volume: str


@contextmanager
def switched_on(
    image: Image, worker: Worker, folder: Path, *, size_gib: int = SIZE, stores: int = 0
) -> Iterator[Life]:
    """Switch a worker on.

    Args:
        image: What it boots.
        worker: What is deployed.
        folder: For its disks, sockets and console.
        size_gib: Size of the launch template's volume.
        stores: How many disks of its own the instance has, of 15 GiB.

    Yields:
        The worker, switched off at the end.
    """
    with Cloud(worker.user_data) as cloud:
        worker.publish(cloud)
        guest = Guest(image, folder, cloud.port, cloud.instance_type)
        volume = cloud.launch_volume(size_gib, DEVICE, TAGS)
        guest.plug(volume, size_gib, before_power_on=True)
        for number in range(stores):
            guest.plug(f"AWS{number:017}", 15, before_power_on=True)
        with guest:
            cloud.guest = guest
            yield Life(cloud, guest, volume)
