"""CloudFormation as the cdk command line knows it, on moto's services.

A small engine takes the place of moto's: it orders resources by their references, updates in
place or replaces as the resource's schema says, rolls back what fails, and says so in events.
Resources are made by calling the public API of the local AWS (`handlers/`), or, for types
without a handler of ours, by moto's own classes.
"""

from local_aws.cloudformation.service import install

__all__ = ["install"]
