"""What the API's answers show of stacks, resources, templates and change sets."""

from collections.abc import Iterable
from typing import Any

from local_aws.cloudformation.change_sets import ChangeSet
from local_aws.cloudformation.stack import Resource, Stack
from local_aws.cloudformation.template import Template


def resource_shown(stack: Stack, resource: Resource) -> dict[str, Any]:
    """Returns a resource as DescribeStackResources and its like show it."""
    return {
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        "LastUpdatedTimestamp": resource.changed,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason,
        "ResourceType": resource.type,
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "Timestamp": resource.changed,
    }


def template_shown(template: Template) -> dict[str, Any]:
    """Returns a template as GetTemplate shows it."""
    return {"TemplateBody": template.body, "StagesAvailable": ["Original", "Processed"]}


def template_summary(template: Template) -> dict[str, Any]:
    """Returns a template's summary as GetTemplateSummary shows it."""
    types = sorted({item["Type"] for item in template.section("Resources").values()})
    parameters = [
        {
            "ParameterKey": key,
            "ParameterType": declaration["Type"],
            "DefaultValue": declaration.get("Default"),
            "Description": declaration.get("Description"),
            "NoEcho": str(declaration.get("NoEcho", "")).lower() == "true",
        }
        for key, declaration in template.section("Parameters").items()
    ]
    summary = {
        "Description": template.description,
        "Parameters": parameters,
        "ResourceTypes": types,
        "Version": "2010-09-09",
    }
    return {**summary, **_capabilities(types)}


def _capabilities(types: Iterable[str]) -> dict[str, Any]:
    iam = [name for name in types if name.startswith("AWS::IAM::")]
    if not iam:
        return {}
    reason = f"The following resource(s) require capabilities: [{', '.join(iam)}]"
    return {"Capabilities": ["CAPABILITY_NAMED_IAM"], "CapabilitiesReason": reason}


def change_set_summary(item: ChangeSet) -> dict[str, Any]:
    """Returns a change set as ListChangeSets shows it."""
    return {
        "ChangeSetId": item.arn,
        "ChangeSetName": item.name,
        "CreationTime": item.created,
        "Description": item.description,
        "ExecutionStatus": item.execution_status,
        "StackId": item.stack.stack_id,
        "StackName": item.stack.name,
        "Status": item.status,
        "StatusReason": item.reason,
    }
