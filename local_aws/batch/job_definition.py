"""Job definitions."""

from typing import TYPE_CHECKING, Any

from moto.core.common_models import CloudFormationModel

from local_aws.batch import template
from local_aws.batch.container import with_defaults
from local_aws.batch.regional import backend_of
from local_aws.batch.resource import BatchResource

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch

# What RegisterJobDefinition takes and DescribeJobDefinitions gives back as it is.
_ECHOED = (
    "parameters",
    "schedulingPriority",
    "retryStrategy",
    "timeout",
    "propagateTags",
    "consumableResourceProperties",
)


class JobDefinition(BatchResource, CloudFormationModel):  # type: ignore[misc]
    """One revision of a job definition.

    Attributes:
        name: The name that all revisions share.
        revision: The number of this one, from 1.
        arn: Its ARN, with the revision.
        status: `ACTIVE` or `INACTIVE`.
        request: The checked RegisterJobDefinition request.
        container: Its container properties.
        properties: The properties in the template that made it.

    """

    TYPE = "AWS::Batch::JobDefinition"
    NAME_PROPERTY = "JobDefinitionName"
    ATTRIBUTE = "JobDefinitionArn"

    def __init__(self, backend: "LocalBatch", request: dict[str, Any], revision: int) -> None:
        self.name: str = request["jobDefinitionName"]
        self.revision = revision
        self.arn = backend.arn("job-definition", f"{self.name}:{revision}")
        self.status = "ACTIVE"
        self.request = request
        self.container = with_defaults(request["containerProperties"])
        self.properties: dict[str, Any] = {}

    @property
    def parameters(self) -> dict[str, str]:
        """Its defaults for `Ref::name`."""
        return dict(self.request.get("parameters", {}))

    @property
    def platform_capabilities(self) -> list[str]:
        """Where its jobs can run."""
        return list(self.request.get("platformCapabilities", ["EC2"]))

    def describe(self, tags: dict[str, str]) -> dict[str, Any]:
        """Show the revision as DescribeJobDefinitions does."""
        shown = {
            "jobDefinitionName": self.name,
            "jobDefinitionArn": self.arn,
            "revision": self.revision,
            "status": self.status,
            "type": self.request["type"],
            "parameters": {},
            "containerProperties": self.container,
            "platformCapabilities": self.platform_capabilities,
            "containerOrchestrationType": "ECS",
            "tags": tags,
        }
        return shown | {name: self.request[name] for name in _ECHOED if name in self.request}

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "JobDefinition":
        """Register the first revision, or one more of a name that exists."""
        properties = cloudformation_json["Properties"]
        request = template.members("RegisterJobDefinitionRequest", properties)
        request["jobDefinitionName"] = template.generated_name(resource_name)
        definition = backend_of(account_id, region_name).register_job_definition(request)
        definition.properties = properties
        return definition

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "JobDefinition",
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> "JobDefinition":
        """Register a new revision and deregister the old one.

        `ResourceRetentionPolicy.SkipDeregisterOnUpdate` keeps the old one active
        (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-batch-jobdefinition-resourceretentionpolicy.html).
        """
        properties = cloudformation_json["Properties"]
        renamed = template.changed(original_resource.properties, properties, ["JobDefinitionName"])
        name = new_resource_name if renamed else original_resource.name
        revision = cls.create_from_cloudformation_json(
            name, cloudformation_json, account_id, region_name
        )
        retention = properties.get("ResourceRetentionPolicy", {})
        if str(retention.get("SkipDeregisterOnUpdate", False)).lower() != "true":
            original_resource.status = "INACTIVE"
        return revision

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> None:
        """Deregister the revision; `resource_name` is its physical id."""
        backend_of(account_id, region_name).deregister_job_definition(
            {"jobDefinition": resource_name}
        )
