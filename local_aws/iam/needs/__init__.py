"""What each call needs: actions, resources and condition keys.

The source is the service authorization reference, whose pages each file names. A call that is not
here is not guessed at.
"""

from collections.abc import Callable

from local_aws.iam.call import Call
from local_aws.iam.keys import UndecidableError
from local_aws.iam.needs import batch, deploying, ec2, further, s3
from local_aws.iam.policy import Need

_SERVICES: dict[str, dict[str, Callable[[Call], list[Need]]]] = {
    "batch": batch.NEEDS,
    "ec2": ec2.NEEDS,
    "s3": s3.NEEDS,
    **further.SERVICES,
    **deploying.SERVICES,
    "ecr": {**deploying.SERVICES["ecr"], **further.SERVICES["ecr"]},
}


def needs_of(call: Call) -> list[Need]:
    """List what a call needs; a call may need nothing.

    Raises:
        UndecidableError: The call is not known.
    """
    found = _SERVICES.get(call.service, {}).get(call.operation)
    if found is None:
        raise UndecidableError(
            f"what {call.service}:{call.operation} needs is not known: "
            "add it to local_aws/iam/needs"
        )
    return found(call)
