"""The launch template of a compute environment."""

import base64
from email import message_from_string
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends

from local_aws.batch.place import Place


def _data(place: Place, specification: dict[str, Any]) -> dict[str, Any]:
    ec2 = ec2_backends[place.account_id][place.region]
    template = (
        ec2.get_launch_template(specification["launchTemplateId"])
        if specification.get("launchTemplateId")
        else ec2.get_launch_template_by_name(specification["launchTemplateName"])
    )
    version: dict[str, Any] = template.get_version(specification.get("version") or "$Default").data
    return version


def fault(place: Place, specification: dict[str, Any] | None) -> str | None:
    """Find what would make a compute environment INVALID.

    https://github.com/aws/aws-cdk/issues/6427 has the literal message about user data.

    Args:
        place: The account and region.
        specification: `launchTemplate` of the compute resources.

    Returns:
        The fault in AWS's words, or None.
    """
    if not specification:
        return None
    try:
        data = _data(place, specification)
    except (EC2ClientError, KeyError) as error:
        return f"Launch template is not valid: {getattr(error, 'message', error)}"
    text = base64.b64decode(str(data.get("UserData") or "")).decode(errors="replace")
    if text and not message_from_string(text.lstrip()).is_multipart():
        return "Launch Template UserData is not MIME multipart format"
    return None


def hides_instance_role(place: Place, specification: dict[str, Any] | None) -> bool:
    """Tell whether containers are kept from the instance metadata service.

    With a hop limit of 1 the answer does not reach a container on Docker's bridge
    (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html).

    Args:
        place: The account and region.
        specification: `launchTemplate` of the compute resources.

    Returns:
        True if a job without a role of its own gets no credentials.
    """
    if not specification or fault(place, specification):
        return False
    options = _data(place, specification).get("MetadataOptions", {})
    return str(options.get("HttpPutResponseHopLimit", "")) == "1"
