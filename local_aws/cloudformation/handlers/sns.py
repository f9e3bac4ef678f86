"""SNS topics and what hangs on them."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    changed,
    tag_changes,
    tags_of,
)


class Topic(Handler):
    """`AWS::SNS::Topic`; its physical id is its ARN."""

    applies: ClassVar = frozenset({"DisplayName", "KmsMasterKeyId", "Tags", "TopicName"})

    def create(self, name: str, properties: Properties) -> str:
        tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
        topic = properties.get("TopicName", name)
        return str(self.call("sns", "create_topic", Name=topic, Tags=tags)["TopicArn"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._set(physical_id, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self._set(physical_id, old, new)
        to_set, to_remove = tag_changes(old, new)
        if to_remove:
            self.call("sns", "untag_resource", ResourceArn=physical_id, TagKeys=to_remove)
        if to_set:
            self.call("sns", "tag_resource", ResourceArn=physical_id, Tags=to_set)

    def _set(self, arn: str, old: Properties, new: Properties) -> None:
        for name in ("DisplayName", "KmsMasterKeyId"):
            if changed(old, new, name):
                value = {"AttributeName": name, "AttributeValue": new.get(name, "")}
                self.call("sns", "set_topic_attributes", TopicArn=arn, **value)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("sns", "delete_topic", TopicArn=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"TopicArn": physical_id, "TopicName": physical_id.rpartition(":")[2]}[name]


class TopicPolicy(Handler):
    """`AWS::SNS::TopicPolicy`."""

    applies: ClassVar = frozenset({"PolicyDocument", "Topics"})

    def create(self, name: str, properties: Properties) -> str:
        return name

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        for topic in new["Topics"]:
            value = {"AttributeName": "Policy", "AttributeValue": new["PolicyDocument"]}
            self.call("sns", "set_topic_attributes", TopicArn=topic, **value)


class Subscription(Handler):
    """`AWS::SNS::Subscription`; its physical id is its ARN."""

    applies: ClassVar = frozenset({"Endpoint", "Protocol", "TopicArn"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.call(
            "sns",
            "subscribe",
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties.get("Endpoint"),
            ReturnSubscriptionArn=True,
        )
        return str(answer["SubscriptionArn"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Nothing is left to do."""

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("sns", "unsubscribe", SubscriptionArn=physical_id)
