"""Templates' functions, parameters, conditions and rules come to what AWS makes of them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.server import LocalAws
from tests.support.local_aws import ACCOUNT, REGION, Stack, parameter, resource, template

NETWORK = {
    "Vpc": resource("EC2::VPC", {"CidrBlock": "10.1.0.0/16"}),
    "Note": parameter("noted", Name="/functions/note"),
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Note"}, "/functions/note"),
        ({"Fn::GetAtt": ["Vpc", "CidrBlock"]}, "10.1.0.0/16"),
        ({"Fn::GetAtt": "Note.Value"}, "noted"),
        ({"Ref": "AWS::Region"}, REGION),
        ({"Ref": "AWS::AccountId"}, ACCOUNT),
        ({"Fn::Join": ["-", ["a", {"Ref": "Note"}, 1, True]]}, "a-/functions/note-1-true"),
        ({"Fn::Sub": "${AWS::Region}/${Vpc.CidrBlock}/${!literal}"}, "us-west-2/10.1.0.0/16/${literal}"),
        ({"Fn::Sub": ["${given}:${Note}", {"given": {"Ref": "Note"}}]}, "/functions/note:/functions/note"),
        ({"Fn::Select": ["1", ["a", "b"]]}, "b"),
        ({"Fn::Select": [3, {"Fn::GetAZs": ""}]}, "us-west-2d"),
        ({"Fn::Join": [",", {"Fn::GetAZs": {"Ref": "AWS::Region"}}]}, "us-west-2a,us-west-2b,us-west-2c,us-west-2d"),
        ({"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "Note"}]}]}, "functions"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}, "t3.small"),
        ({"Fn::FindInMap": ["Sizes", "nowhere", "small", {"DefaultValue": "none"}]}, "none"),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::If": ["Never", "yes", {"Ref": "Note"}]}, "/functions/note"),
    ],
)  # fmt: skip
def test_a_function_in_an_output_comes_to_its_value(
    stack: Stack, value: Any, expected: str
) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
    """
    status = stack.create(
        NETWORK,
        Outputs={"Value": {"Value": value}},
        Conditions={"Never": {"Fn::Equals": ["a", "b"]}},
        Mappings={"Sizes": {REGION: {"small": "t3.small"}}},
    )

    assert status == "CREATE_COMPLETE"
    assert stack.outputs == {"Value": expected}


def test_functions_in_properties_order_the_resources(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html."""
    stack.create(
        {
            "Last": parameter({"Fn::Sub": "${Middle}"}),
            "Middle": parameter({"Fn::Join": ["", [{"Ref": "First"}]]}),
            "First": parameter("x"),
            "Told": parameter("y") | {"DependsOn": ["Last"]},
        }
    )

    created = [name for name, *_ in stack.events("CREATE_COMPLETE")]
    assert created == ["First", "Middle", "Last", "Told", stack.name]


def test_a_resource_with_a_false_condition_is_left_out(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html."""
    stack.create(
        {"Kept": parameter("x"), "Left": {**parameter("y"), "Condition": "Big"}},
        Parameters={"Size": {"Type": "String", "Default": "small"}},
        Conditions={
            "Small": {"Fn::Equals": [{"Ref": "Size"}, "small"]},
            "Big": {"Fn::And": [{"Fn::Not": [{"Condition": "Small"}]}, {"Condition": "Small"}]},
        },
        Outputs={"Left": {"Value": {"Ref": "Left"}, "Condition": "Big"}},
    )

    assert list(stack.ids()) == ["Kept"]
    assert stack.outputs == {}


def test_no_value_leaves_a_property_out(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
    """
    group = {"LogGroupName": stack.name, "RetentionInDays": {"Ref": "AWS::NoValue"}}
    stack.create({"Log": resource("Logs::LogGroup", group)})

    (found,) = aws.client("logs").describe_log_groups(logGroupNamePrefix=stack.name)["logGroups"]
    assert "retentionInDays" not in found


def test_a_parameter_takes_its_value_from_an_ssm_parameter(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """
    aws.client("ssm").put_parameter(Name="/version", Value="21", Type="String", Overwrite=True)
    stack.create(
        {"Note": parameter({"Ref": "Version"})},
        Parameters={
            "Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version"}
        },
        Outputs={"Version": {"Value": {"Ref": "Version"}}},
    )

    assert stack.outputs == {"Version": "21"}
    (shown,) = stack.describe()["Parameters"]
    assert (shown["ParameterValue"], shown["ResolvedValue"]) == ("/version", "21")


def test_a_parameter_that_hides_its_value_is_not_described(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html."""
    stack.create(
        {"Note": parameter("x")},
        Parameters={"Secret": {"Type": "String", "Default": "geheim", "NoEcho": "true"}},
    )

    assert stack.describe()["Parameters"][0]["ParameterValue"] == "****"


RULES = {
    "CheckVersion": {
        "Assertions": [
            {
                "Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2"], {"Ref": "Version"}]}]},
                "AssertDescription": "bootstrap stack version 6 required",
            }
        ]
    }
}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"Resources": {}}, "At least one Resources member must be defined"),
        ({"Resources": {"A": {"Properties": {}}}}, "[/Resources/A] Every Resources object must"),
        (
            {"Resources": {"A": parameter({"Ref": "Missing"})}},
            "Unresolved resource dependencies [Missing] in the Resources block of the template",
        ),
        (
            {"Outputs": {"O": {"Value": {"Fn::GetAtt": ["Missing", "Arn"]}}}},
            "Unresolved resource dependencies [Missing] in the Outputs block of the template",
        ),
        (
            {"Resources": {"A": parameter({"Ref": "B"}), "B": parameter({"Ref": "A"})}},
            "Circular dependency between resources: [A, B]",
        ),
        (
            {"Parameters": {"Size": {"Type": "Number"}}},
            "Parameters: [Size] must have values",
        ),
        (
            {"Parameters": {"Size": {"Type": "String", "Default": "x", "AllowedValues": ["y"]}}},
            "Parameter 'Size' must be one of AllowedValues [y]",
        ),
        (
            {"Parameters": {"Size": {"Type": "String", "Default": "x", "AllowedPattern": "[0-9]+"}}},
            "Parameter 'Size' must match pattern [0-9]+",
        ),
        (
            {"Rules": RULES, "Parameters": {"Version": {"Type": "String", "Default": "2"}}},
            "bootstrap stack version 6 required",
        ),
        (
            {
                "Parameters": {
                    "P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/not/there"}
                }
            },
            "Unable to fetch parameters [/not/there] from parameter store for this account.",
        ),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_is_refused_before_anything_is_made(
    stack: Stack, sections: dict[str, Any], message: str
) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
    """
    resources = sections.get("Resources", {"Note": parameter("x")})
    others = {key: value for key, value in sections.items() if key != "Resources"}
    with pytest.raises(ClientError) as refused:
        stack.create(resources, **others)

    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert message in refused.value.response["Error"]["Message"]
    with pytest.raises(ClientError, match="does not exist"):
        stack.describe()


def test_a_parameter_that_the_template_lacks_is_refused(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html."""
    parameters = [{"ParameterKey": "Sise", "ParameterValue": "1"}]
    with pytest.raises(ClientError, match=r"\[Sise\] do not exist in the template"):
        stack.create({"Note": parameter("x")}, options={"Parameters": parameters})


def test_an_attribute_that_the_type_lacks_fails_in_its_words(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-getatt.html."""
    status = stack.create(NETWORK | {"Bad": parameter({"Fn::GetAtt": ["Vpc", "Nonsense"]})})

    assert status == "ROLLBACK_COMPLETE"
    (failed,) = stack.events("CREATE_FAILED")
    assert "resource Vpc does not support attribute type Nonsense in Fn::GetAtt" in failed[2]


def test_templates_are_summarized(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html."""
    summary = aws.client("cloudformation").get_template_summary(TemplateBody=template(NETWORK))

    assert summary["ResourceTypes"] == ["AWS::EC2::VPC", "AWS::SSM::Parameter"]


def test_a_function_that_is_not_there_fails_in_words(stack: Stack) -> None:
    """Ours: AWS has all its functions."""
    cidr = parameter({"Fn::Select": [0, {"Fn::Cidr": ["10.0.0.0/16", 2, 8]}]})

    assert stack.create({"Note": cidr}) == "ROLLBACK_COMPLETE"
    assert "the local AWS has no function Fn::Cidr" in stack.events("CREATE_FAILED")[0][2]
