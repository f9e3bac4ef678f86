"""SNS topics and what hangs on them."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    tag_list,
)


class Topic(Handler):
    """`AWS::SNS::Topic`; its physical id is its ARN."""

    applies: ClassVar = frozenset({"Tags", "TopicName"})

    def create(self, name: str, properties: Properties) -> str:
        topic = properties.get("TopicName", name)
        answer = self.call("sns", "create_topic", Name=topic, Tags=tag_list(properties))
        return str(answer["TopicArn"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Nothing is left to do."""

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self.retag("sns", "tag_resource", "untag_resource", old, new, ResourceArn=physical_id)

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
