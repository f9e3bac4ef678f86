"""The services of which few calls are made.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Callable

from local_aws.iam.call import Call
from local_aws.iam.keys import Value
from local_aws.iam.policy import Need

Needs = dict[str, Callable[[Call], list[Need]]]


def _on_stream(action: str) -> Callable[[Call], list[Need]]:
    def needs(call: Call) -> list[Need]:
        group = _log_group(call)
        stream = f"{group}:log-stream:{call.parameters['logStreamName']}"
        return [call.need(f"logs:{action}", stream)]

    return needs


def _log_group(call: Call) -> str:
    name = call.parameters.get("logGroupName") or call.parameters["logGroupIdentifier"]
    return (
        name.removesuffix(":*")
        if name.startswith("arn:")
        else call.arn("logs", f"log-group:{name}")
    )


def _on_group(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [call.need(f"logs:{action}", f"{_log_group(call)}:*")]


def _secret(action: str) -> Callable[[Call], list[Need]]:
    def needs(call: Call) -> list[Need]:
        name = call.parameters["SecretId"]
        arn = name if name.startswith("arn:") else call.arn("secretsmanager", f"secret:{name}")
        keys: dict[str, Value] = {"secretsmanager:SecretId": name}
        return [call.need(f"secretsmanager:{action}", arn, keys)]

    return needs


def _repository(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [
        call.need(
            f"ecr:{action}", call.arn("ecr", f"repository/{call.parameters['repositoryName']}")
        )
    ]


def _nothing(_call: Call) -> list[Need]:
    return []


def _assume_role(call: Call) -> list[Need]:
    return [call.need("sts:AssumeRole", call.parameters["RoleArn"])]


def _container_instances(call: Call) -> list[Need]:
    cluster = call.parameters["cluster"]
    return [
        call.need(
            "ecs:UpdateContainerInstancesState",
            instance,
            {"ecs:cluster": call.arn("ecs", f"cluster/{cluster}")},
        )
        for instance in call.parameters["containerInstances"]
    ]


SERVICES: dict[str, Needs] = {
    "ecs": {"UpdateContainerInstancesState": _container_instances},
    "ecr": {
        "GetAuthorizationToken": lambda call: [call.need("ecr:GetAuthorizationToken")],
        **{
            name: _repository(name)
            for name in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
        },
    },
    "logs": {
        **{name: _on_stream(name) for name in ("CreateLogStream", "GetLogEvents", "PutLogEvents")},
        **{name: _on_group(name) for name in ("CreateLogGroup", "DescribeLogStreams")},
    },
    "secretsmanager": {name: _secret(name) for name in ("DescribeSecret", "GetSecretValue")},
    "sts": {
        "AssumeRole": _assume_role,
        # "No permissions are required to perform this operation":
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
        "GetCallerIdentity": _nothing,
    },
}
