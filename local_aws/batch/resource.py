"""What all of Batch's resource types in templates have in common."""

from typing import ClassVar


class BatchResource:
    """A resource that `Ref` and its one attribute name by its ARN.

    Mixed in beside moto's CloudFormationModel, of which moto looks at the direct subclasses only.

    Attributes:
        TYPE: The resource type.
        NAME_PROPERTY: The property that holds the name.
        ATTRIBUTE: What `Fn::GetAtt` knows.
        arn: The ARN.

    """

    TYPE: ClassVar[str]
    NAME_PROPERTY: ClassVar[str]
    ATTRIBUTE: ClassVar[str]
    arn: str

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return self.arn

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """Name the property that holds the resource's name."""
        return cls.NAME_PROPERTY

    @classmethod
    def cloudformation_type(cls) -> str:
        """Name the resource type."""
        return cls.TYPE

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Tell whether `Fn::GetAtt` knows an attribute."""
        return attr == cls.ATTRIBUTE

    def get_cfn_attribute(self, _attribute_name: str) -> str:
        """Answer `Fn::GetAtt`."""
        return self.arn
