"""CloudWatch alarms and dashboards."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any

from local_aws.cloudformation.handlers.handler import Handler, Properties


class Alarm(Handler):
    """`AWS::CloudWatch::Alarm`; its physical id is its name.

    Its properties are the members of PutMetricAlarm.
    """

    def create(self, name: str, properties: Properties) -> str:
        return str(properties.get("AlarmName", name))

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self.call("cloudwatch", "put_metric_alarm", **{**new, "AlarmName": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("cloudwatch", "delete_alarms", AlarmNames=[physical_id])

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        answer = self.call("cloudwatch", "describe_alarms", AlarmNames=[physical_id])
        return {"Arn": answer["MetricAlarms"][0]["AlarmArn"]}[name]


class Dashboard(Handler):
    """`AWS::CloudWatch::Dashboard`; its physical id is its name."""

    def create(self, name: str, properties: Properties) -> str:
        return str(properties.get("DashboardName", name))

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        body = new["DashboardBody"]
        self.call("cloudwatch", "put_dashboard", DashboardName=physical_id, DashboardBody=body)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("cloudwatch", "delete_dashboards", DashboardNames=[physical_id])
