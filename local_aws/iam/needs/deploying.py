"""What the cdk command line calls with the roles of its bootstrap stack.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
"""

from collections.abc import Callable

from local_aws.iam.call import Call
from local_aws.iam.policy import Need

Needs = dict[str, Callable[[Call], list[Need]]]

_ON_STACK = (
    *("ContinueUpdateRollback", "CreateChangeSet", "CreateStack", "DeleteChangeSet"),
    *("DeleteStack", "DescribeChangeSet", "DescribeStackEvents", "DescribeStacks"),
    *("DescribeStackResources", "ExecuteChangeSet", "GetTemplate", "GetTemplateSummary"),
    *("ListStackResources", "RollbackStack", "UpdateStack", "UpdateTerminationProtection"),
)
_ON_REPOSITORY = ("DescribeImages", "DescribeRepositories")


def _on_stack(action: str) -> Callable[[Call], list[Need]]:
    def needs(call: Call) -> list[Need]:
        name = call.parameters.get("StackName") or "*"
        stack = name if name.startswith("arn:") else call.arn("cloudformation", f"stack/{name}/*")
        role = call.parameters.get("RoleARN")
        passed = {"iam:PassedToService": "cloudformation.amazonaws.com"}
        passing = [call.need("iam:PassRole", role, passed)] if role else []
        return [call.need(f"cloudformation:{action}", stack), *passing]

    return needs


def _on_repository(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [
        call.need(f"ecr:{action}", call.arn("ecr", f"repository/{name}"))
        for name in call.parameters.get("repositoryNames") or [call.parameters["repositoryName"]]
    ]


def _parameter(call: Call) -> list[Need]:
    name = call.parameters["Name"].lstrip("/")
    return [call.need("ssm:GetParameter", call.arn("ssm", f"parameter/{name}"))]


SERVICES: dict[str, Needs] = {
    "cloudformation": {name: _on_stack(name) for name in _ON_STACK},
    "ecr": {name: _on_repository(name) for name in _ON_REPOSITORY},
    "ssm": {"GetParameter": _parameter},
}
