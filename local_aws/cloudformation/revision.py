"""A revision: the state that a request asks of a stack, checked before anything is touched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_aws.cloudformation.conditions import check_rules, decide_conditions
from local_aws.cloudformation.errors import ValidationError
from local_aws.cloudformation.intrinsics import Scope, references
from local_aws.cloudformation.parameters import Parameter, resolve_parameters
from local_aws.cloudformation.template import Declaration, Template


@dataclass(frozen=True)
class Surroundings:
    """What a template can refer to outside its stack.

    Attributes:
        account: The account's id.
        region: The region's name.
        imports: Looks up another stack's export by name.
        zones: Lists a region's availability zones.
        ssm: Looks up an SSM parameter's value by name.
    """

    account: str
    region: str
    imports: Callable[[str], str]
    zones: Callable[[str], Sequence[str]]
    ssm: Callable[[str], str]


@dataclass(frozen=True)
class Revision:
    """A template with its parameters and tags, ready to be brought about.

    Attributes:
        declarations: The resources, each after what it needs.
        scope: What the template's functions refer to; `scope.resources` is set when it is applied.
    """

    template: Template
    parameters: Mapping[str, Parameter]
    tags: Mapping[str, str]
    declarations: list[Declaration]
    scope: Scope

    def same_as(self, other: "Revision") -> bool:
        """Returns whether the two ask for the same."""
        return (
            self.template.document == other.template.document
            and {key: item.value for key, item in self.parameters.items()}
            == {key: item.value for key, item in other.parameters.items()}
            and self.tags == other.tags
        )

    def outputs(self) -> list[dict[str, str]]:
        """Returns the stack's outputs as DescribeStacks shows them."""
        outputs = []
        for key, output in self.template.section("Outputs").items():
            if "Condition" in output and not self.scope.conditions[output["Condition"]]:
                continue
            shown = {"OutputKey": key, "OutputValue": _text(self.scope.resolve(output["Value"]))}
            if "Description" in output:
                shown["Description"] = output["Description"]
            if "Export" in output:
                shown["ExportName"] = self.scope.resolve(output["Export"]["Name"])
            outputs.append(shown)
        return outputs


def revise(
    body: str,
    arguments: list[dict[str, Any]],
    tags: Mapping[str, str],
    *,
    stack_id: str,
    previous: Mapping[str, Parameter],
    surroundings: Surroundings,
) -> Revision:
    """Checks a template and its parameters.

    Args:
        body: The template's text.
        arguments: The request's `Parameters`.
        tags: The stack's tags.
        stack_id: The stack's ARN.
        previous: The stack's parameters so far.
        surroundings: What the template can refer to outside the stack.

    Raises:
        ValidationError: In CloudFormation's words, if the revision cannot be brought about.
    """
    template = Template(body)
    parameters = resolve_parameters(template, arguments, previous, surroundings.ssm)
    names = {key: parameter.value for key, parameter in parameters.items()}
    names |= {
        "AWS::AccountId": surroundings.account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": surroundings.region,
        "AWS::StackId": stack_id,
        "AWS::StackName": stack_id.split("/")[1],
        "AWS::URLSuffix": "amazonaws.com",
    }
    scope = Scope(
        names=names,
        mappings=template.section("Mappings"),
        imports=surroundings.imports,
        zones=lambda region: surroundings.zones(region or surroundings.region),
        ssm=surroundings.ssm,
    )
    scope.conditions = decide_conditions(template, scope)
    check_rules(template, scope)
    declarations = template.declarations(scope.conditions, names)
    _check_outputs(template, {item.logical_id for item in declarations} | set(names), scope)
    return Revision(template, parameters, dict(tags), declarations, scope)


def _check_outputs(template: Template, names: set[str], scope: Scope) -> None:
    for output in template.section("Outputs").values():
        if "Condition" in output and not scope.conditions[output["Condition"]]:
            continue
        unknown = references(output.get("Value")) - names - {"AWS::NoValue"}
        if unknown and "Fn::If" not in str(output.get("Value")):
            raise ValidationError(
                "Template format error: Unresolved resource dependencies "
                f"[{', '.join(sorted(unknown))}] in the Outputs block of the template"
            )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
