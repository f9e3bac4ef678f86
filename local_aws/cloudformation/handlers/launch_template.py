"""EC2 launch templates."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.ec2 import Ec2Handler, first
from local_aws.cloudformation.handlers.handler import Properties, changed, shortened

_MAX_NAME = 128


class LaunchTemplate(Ec2Handler):
    """`AWS::EC2::LaunchTemplate`: each change of its data is a new version.

    The default version stays what it was, so only `LatestVersionNumber` moves
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-launchtemplate.html).
    """

    applies: ClassVar = frozenset({"LaunchTemplateData", "TagSpecifications"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_launch_template",
            LaunchTemplateName=shortened(name, _MAX_NAME),
            LaunchTemplateData=properties["LaunchTemplateData"],
        )
        return str(answer["LaunchTemplate"]["LaunchTemplateId"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        # Given when it is created, moto would also put them into the data, for instances.
        tags = [
            tag
            for specification in properties.get("TagSpecifications", [])
            for tag in specification["Tags"]
        ]
        if tags:
            self.ec2("create_tags", Resources=[physical_id], Tags=tags)

    def modify(self, physical_id: str, old: Properties, new: Properties) -> None:
        if old and changed(old, new, "LaunchTemplateData"):
            self.ec2(
                "create_launch_template_version",
                LaunchTemplateId=physical_id,
                LaunchTemplateData=new["LaunchTemplateData"],
            )

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_launch_template", LaunchTemplateId=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        answer = self.ec2("describe_launch_templates", LaunchTemplateIds=[physical_id])
        template = first(answer, "LaunchTemplates")
        return {
            "LaunchTemplateId": physical_id,
            "DefaultVersionNumber": str(template["DefaultVersionNumber"]),
            "LatestVersionNumber": str(template["LatestVersionNumber"]),
        }[name]
