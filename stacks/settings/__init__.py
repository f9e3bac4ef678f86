"""What one deployment is made of: the model that every settings file must fit.

Each rule that a construct has too is the library's; here are those between the parts.
"""

from stacks.settings.compute import ComputeEnvironment
from stacks.settings.head import Head
from stacks.settings.network import ExistingVpc, Network
from stacks.settings.operations import Operations
from stacks.settings.settings import Settings
from stacks.settings.storage import Storage

__all__ = [
    "ComputeEnvironment",
    "ExistingVpc",
    "Head",
    "Network",
    "Operations",
    "Settings",
    "Storage",
]
