"""Allowed actions that no program of ours or of a pipeline calls in the tests, with the reasons."""

from __future__ import annotations

_AGENT = (
    "the ECS agent (https://github.com/aws/amazon-ecs-agent), which no emulated worker has; the"
    " actions are those of AWS's policy AmazonEC2ContainerServiceforEC2Role"
)

#: By role and action.
REASONS: dict[tuple[str, str], str] = {
    **{
        ("WorkerRole", f"ecs:{name}"): _AGENT
        for name in (
            "DiscoverPollEndpoint",
            "Poll",
            "RegisterContainerInstance",
            "StartTelemetrySession",
            "SubmitAttachmentStateChanges",
            "SubmitContainerStateChange",
            "SubmitTaskStateChange",
            "TagResource",
        )
    },
    ("WorkerRole", "s3:GetObject"): "`boot.sh` fetches the worker's programs, by curl",
}
