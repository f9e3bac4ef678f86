"""Nextflow on AWS Batch: constructs for an AWS CDK app.

`NextflowBatch` is all of it; the other names are its parts.
"""

from nextflow_batch.arguments import ArgumentsError
from nextflow_batch.capacity import Capacity
from nextflow_batch.compute import DEFAULT_CAPACITIES, DEFAULT_QUEUES, Compute
from nextflow_batch.compute_environment import ComputeEnvironment
from nextflow_batch.encryption_key import EncryptionKey
from nextflow_batch.head import Head
from nextflow_batch.head_access import HeadAccess
from nextflow_batch.head_job import HeadJob
from nextflow_batch.instance_types import Resources
from nextflow_batch.job_queue import JobQueue
from nextflow_batch.network import Network, zones
from nextflow_batch.nextflow_batch import NextflowBatch
from nextflow_batch.operations import Operations
from nextflow_batch.operations_options import OperationsOptions
from nextflow_batch.queue_order import QueueOrder
from nextflow_batch.registries import Registries
from nextflow_batch.registry_cache import RegistryCache
from nextflow_batch.scratch import Scratch
from nextflow_batch.scratch_access import ScratchAccess
from nextflow_batch.shares import Shares
from nextflow_batch.storage import Storage
from nextflow_batch.worker import Worker
from nextflow_batch.worker_options import WorkerOptions

__all__ = [
    "DEFAULT_CAPACITIES",
    "DEFAULT_QUEUES",
    "ArgumentsError",
    "Capacity",
    "Compute",
    "ComputeEnvironment",
    "EncryptionKey",
    "Head",
    "HeadAccess",
    "HeadJob",
    "JobQueue",
    "Network",
    "NextflowBatch",
    "Operations",
    "OperationsOptions",
    "QueueOrder",
    "Registries",
    "RegistryCache",
    "Resources",
    "Scratch",
    "ScratchAccess",
    "Shares",
    "Storage",
    "Worker",
    "WorkerOptions",
    "zones",
]
