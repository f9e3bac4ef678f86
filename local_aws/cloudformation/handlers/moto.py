"""Resource types that moto's own classes make."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.cloudformation.parsing import get_model_map
from moto.core.common_models import CloudFormationModel
from moto.core.exceptions import ServiceException
from werkzeug.exceptions import HTTPException

from local_aws.cloudformation.api import Api
from local_aws.cloudformation.errors import ResourceError
from local_aws.cloudformation.handlers.handler import Handler, Properties, random_end


def moto_knows(resource_type: str) -> bool:
    """Returns whether moto has a class for the type."""
    return resource_type in get_model_map()


class MotoHandler(Handler):
    """Makes resources of one type by moto's class for it.

    Args:
        api: The local AWS.
        resource_type: A type that moto knows.
        account: The account's id.
        region: The region's name.
    """

    def __init__(self, api: Api, resource_type: str, account: str, region: str) -> None:
        super().__init__(api)
        self._type = resource_type
        self._model: Any = get_model_map()[resource_type]
        self._place = (account, region)
        self._made: dict[str, tuple[Any, str]] = {}
        change = self._model.update_from_cloudformation_json
        self.updates_in_place = not getattr(change, "__isabstractmethod__", False)

    def create(self, name: str, properties: Properties) -> str:
        named = self._model.cloudformation_name_type()
        made = self._attempt(
            self._model.create_from_cloudformation_json,
            properties.get(named, name),
            self._document(properties),
            *self._place,
            LogicalId=name,
            StackId="",
            ResourceType=self._type,
        )
        return self._keep(made, name)

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Creating by moto's class leaves nothing to do."""

    def update(self, physical_id: str, old: Properties, new: Properties) -> str:
        before, name = self._made[physical_id]
        # Some of these classes replace rather than change, and then need a name of their own.
        name = f"{name.rpartition('-')[0]}-{random_end()}"
        made = self._attempt(
            self._model.update_from_cloudformation_json,
            original_resource=before,
            new_resource_name=new.get(self._model.cloudformation_name_type(), name),
            cloudformation_json=self._document(new),
            account_id=self._place[0],
            region_name=self._place[1],
        )
        if made is None:
            return physical_id
        del self._made[physical_id]
        return self._keep(made, name)

    def delete(self, physical_id: str, properties: Properties) -> None:
        made, _ = self._made.pop(physical_id, (None, ""))
        delete = self._model.delete_from_cloudformation_json
        if not getattr(delete, "__isabstractmethod__", False):
            self._attempt(delete, physical_id, self._document(properties), *self._place)
        elif callable(getattr(made, "delete", None)):
            self._attempt(made.delete, *self._place)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        try:
            made, _ = self._made[physical_id]
            return made.get_cfn_attribute(name)
        except (AttributeError, NotImplementedError, UnformattedGetAttTemplateException) as error:
            raise KeyError(name) from error

    def _document(self, properties: Properties) -> dict[str, Any]:
        return {"Type": self._type, "Properties": dict(properties)}

    def _keep(self, made: CloudFormationModel, name: str) -> str:
        physical_id = str(getattr(made, "physical_resource_id", None) or name)
        self._made[physical_id] = (made, name)
        return physical_id

    def _attempt(self, action: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return action(*arguments, **named)
        except (HTTPException, ServiceException) as error:
            message = getattr(error, "message", None) or error
            raise ResourceError(f'Resource handler returned message: "{message}"') from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ResourceError(
                f"The local AWS could not handle this {self._type}: {type(error).__name__}: {error}"
            ) from error
