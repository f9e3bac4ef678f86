"""What moto's SNS does that it must not do here."""

from typing import Any

from moto.sns.models import Subscription

_publish = Subscription.publish


def install() -> None:
    """Keeps subscriptions of web addresses without delivering to them: nothing leaves here."""
    Subscription.publish = _publish_inside


def _publish_inside(subscription: Subscription, *message: Any, **attributes: Any) -> None:
    if subscription.protocol not in ("http", "https"):
        _publish(subscription, *message, **attributes)
