"""ECR repositories."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    changed,
    shortened,
    tag_changes,
    tags_of,
)

_MAX_NAME = 256


class Repository(Handler):
    """`AWS::ECR::Repository`; its physical id is its name."""

    applies: ClassVar = frozenset(
        {
            "EmptyOnDelete",
            "EncryptionConfiguration",
            "ImageScanningConfiguration",
            "ImageTagMutability",
            "LifecyclePolicy",
            "RepositoryName",
            "RepositoryPolicyText",
            "Tags",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        encryption = properties.get("EncryptionConfiguration")
        answer = self.call(
            "ecr",
            "create_repository",
            repositoryName=properties.get("RepositoryName") or shortened(name.lower(), _MAX_NAME),
            imageTagMutability=properties.get("ImageTagMutability"),
            imageScanningConfiguration=_scanning(properties),
            encryptionConfiguration=encryption
            and {
                "encryptionType": encryption["EncryptionType"],
                "kmsKey": encryption.get("KmsKey"),
            },
            tags=[{"Key": key, "Value": value} for key, value in tags_of(properties).items()],
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
        if changed(old, new, "ImageScanningConfiguration"):
            self.call(
                "ecr",
                "put_image_scanning_configuration",
                **repository,
                imageScanningConfiguration=_scanning(new),
            )
        self._put_policies(physical_id, old, new)
        to_set, to_remove = tag_changes(old, new)
        arn = self.attribute(physical_id, new, "Arn")
        if to_remove:
            self.call("ecr", "untag_resource", resourceArn=arn, tagKeys=to_remove)
        if to_set:
            self.call("ecr", "tag_resource", resourceArn=arn, tags=to_set)

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
        force = str(properties.get("EmptyOnDelete", "false")).lower() == "true"
        self.call("ecr", "delete_repository", repositoryName=physical_id, force=force)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        answer = self.call("ecr", "describe_repositories", repositoryNames=[physical_id])
        repository = answer["repositories"][0]
        return {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]}[
            name
        ]


def _scanning(properties: Properties) -> dict[str, Any]:
    configured = properties.get("ImageScanningConfiguration") or {}
    return {"scanOnPush": configured.get("ScanOnPush", False)}
