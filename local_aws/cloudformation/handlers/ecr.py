"""ECR repositories."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    changed,
    shortened,
)

_MAX_NAME = 256


class Repository(Handler):
    """`AWS::ECR::Repository`; its physical id is its name."""

    applies: ClassVar = frozenset(
        {
            "ImageTagMutability",
            "LifecyclePolicy",
            "RepositoryName",
            "RepositoryPolicyText",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.call(
            "ecr",
            "create_repository",
            repositoryName=properties.get("RepositoryName") or shortened(name.lower(), _MAX_NAME),
            imageTagMutability=properties.get("ImageTagMutability"),
        )
        return str(answer["repository"]["repositoryName"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._put_policies(physical_id, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        repository = {"repositoryName": physical_id}
        if changed(old, new, "ImageTagMutability"):
            mutability = new.get("ImageTagMutability", "MUTABLE")
            self.call(
                "ecr", "put_image_tag_mutability", **repository, imageTagMutability=mutability
            )
        self._put_policies(physical_id, old, new)

    def _put_policies(self, name: str, old: Properties, new: Properties) -> None:
        repository = {"repositoryName": name}
        if changed(old, new, "RepositoryPolicyText"):
            if "RepositoryPolicyText" in new:
                text = new["RepositoryPolicyText"]
                self.call("ecr", "set_repository_policy", **repository, policyText=text)
            else:
                self.call("ecr", "delete_repository_policy", **repository)
        if changed(old, new, "LifecyclePolicy"):
            if "LifecyclePolicy" in new:
                text = new["LifecyclePolicy"].get("LifecyclePolicyText")
                self.call("ecr", "put_lifecycle_policy", **repository, lifecyclePolicyText=text)
            else:
                self.call("ecr", "delete_lifecycle_policy", **repository)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("ecr", "delete_repository", repositoryName=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        answer = self.call("ecr", "describe_repositories", repositoryNames=[physical_id])
        repository = answer["repositories"][0]
        return {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]}[
            name
        ]
