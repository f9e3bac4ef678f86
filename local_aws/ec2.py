"""What moto's EC2 does that EC2 would not."""

from typing import Any

from moto.ec2.models.launch_templates import LaunchTemplate


def install() -> None:
    """Shows the tags that a launch template has now, not those that it was created with."""
    LaunchTemplate.tags = property(LaunchTemplate.get_tags, _ignore)


def _ignore(_template: LaunchTemplate, _tags: Any) -> None:
    """Takes what moto's constructor sets."""
