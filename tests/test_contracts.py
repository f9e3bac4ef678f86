"""What two programs must agree on, as neither can import it from the other.

A part is read as text where only its words count, so that a contract holds wherever in the part
they stand.
"""

from __future__ import annotations

import re
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import PurePosixPath

from assets.go_program import AWS_CLIENT, GO_PROGRAMS, TASK_S3
from local_aws import docker_cli
from nextflow_batch import gp3, launch_template
from nextflow_batch import metrics as shown_metrics
from nextflow_batch.folders import Folders
from nextflow_batch.head_access import TASK_TAG
from nextflow_batch.head_container import AWS_CLI_PATH
from nextflow_batch.tags import DEPLOYMENT_TAG
from nextflow_batch.worker_document import WorkerDocument
from nextflow_head import job_tags, orphans
from nextflow_head.environment import Environment
from nextflow_head.session import Session, record_of
from nextflow_janitors import brake, jobs, orphaned_tasks, report, stray_volumes
from nextflow_worker import service
from nextflow_worker.growth import ebs_volumes
from nextflow_worker.growth import gp3 as workers_gp3
from nextflow_worker.provision import aws_cli, task_client
from nextflow_worker.settings import DOCUMENT, Settings
from nextflow_worker.watch import metrics
from nfbatch import leftovers, tasks
from stacks import paths
from testbed.resources import only, text
from testbed.synthesized import synthesize

HEAD = "docker/nextflow/nextflow_head"
WORKER = "assets/worker"
LIBRARY = "constructs/nextflow_batch"


def _text(part: str, *endings: str) -> str:
    """All text of a file or folder."""
    path = paths.ROOT / part
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    wanted = endings or (".py", ".sh", ".config", ".service", ".go")
    return "\n".join(file.read_text("utf-8") for file in files if file.suffix in wanted)


def _tags(part: str) -> set[str]:
    return set(re.findall(r'"(nextflow-batch:[\w-]+)"', _text(part)))


def test_the_deployments_tag_is_the_same_for_stacks_workers_and_head() -> None:
    assert ebs_volumes.DEPLOYMENT_TAG == DEPLOYMENT_TAG
    assert _tags(HEAD) == {DEPLOYMENT_TAG}
    assert DEPLOYMENT_TAG in _tags(WORKER)


def test_the_tag_of_jobs_is_the_same_for_policies_head_and_plugin() -> None:
    plugin = _text("docker/nextflow/plugin", ".groovy")

    assert job_tags.DEPLOYMENT == TASK_TAG
    assert f"static final String TAG = '{TASK_TAG}'" in plugin


def test_janitors_know_what_is_whose_as_head_workers_and_nfbatch_do() -> None:
    assert stray_volumes.DEPLOYMENT_TAG == brake.DEPLOYMENT_TAG == DEPLOYMENT_TAG
    assert orphaned_tasks.DEPLOYMENT_TAG == job_tags.DEPLOYMENT
    assert orphaned_tasks.SESSION_TAG == orphans.TAG == tasks._SESSION_TAG
    assert jobs.ALIVE == tasks.ALIVE == orphans._ALIVE
    assert orphaned_tasks.REASON == orphans.HEAD_HAS_ENDED


def test_a_volume_is_stray_to_janitor_and_nfbatch_at_the_same_age() -> None:
    assert stray_volumes.IN_USE_SOON == leftovers._IN_USE_SOON


def test_a_tasks_definition_has_the_same_prefix_to_janitor_and_nfbatch() -> None:
    prefix = 'f"nf-{environment.deployment}_"'

    assert prefix in _text("assets/janitors/nextflow_janitors/stale_definitions.py")
    found = leftovers._DEFINITION.match("nf-lab_image")
    assert found
    assert found["deployment"] == "lab"


def test_metrics_of_workers_and_janitors_are_where_the_dashboard_looks() -> None:
    assert metrics.NAMESPACE == report.NAMESPACE == shown_metrics.NAMESPACE
    assert metrics.DIMENSION == report.DEPLOYMENT
    assert f'"Namespace": "{metrics.NAMESPACE}", "Dimensions": [["{metrics.DIMENSION}"]]' in _text(
        f"{WORKER}/boot.sh"
    )


def test_caches_and_locks_are_where_the_bucket_expires_them_and_no_task_writes() -> None:
    folders = Folders("_nextflow")
    environment = Environment.read(
        {
            "AWS_BATCH_JOB_ID": "a",
            "AWS_REGION": "us-west-2",
            "NF_JOB_QUEUE": "default",
            "NF_WORKDIR": f"s3://bucket/{folders.runs}",
            "NF_LOGSDIR": f"s3://bucket/{folders.logs}",
        }
    )
    session = Session.of(environment)

    for state in (session.cache, session.lock):
        assert state.key.startswith(f"{folders.sessions}/")
        assert not fnmatch(f"{state.key}/x", folders.work_files)
    assert fnmatch(f"{session.work.key}/x", folders.work_files)


def test_the_tasks_client_is_where_the_head_mounts_it_from() -> None:
    assert f"{aws_cli.HOME}/bin/aws" == AWS_CLI_PATH
    assert f'"{AWS_CLI_PATH}"' in _text(HEAD)
    # Without Docker the local AWS has no such path, and puts its own folder there.
    folder = PurePosixPath(AWS_CLI_PATH).parent.relative_to("/")
    assert f'"{folder}"' in _text("local_aws")


def test_the_workers_document_is_read_where_the_launch_template_writes_it() -> None:
    assert f'cat >"${{{{NFB_ROOT:-}}}}{DOCUMENT}"' in launch_template.WRITE_DOCUMENT
    assert f'DOCUMENT="$ROOT{DOCUMENT}"' in _text(f"{WORKER}/boot.sh")
    assert f"`{DOCUMENT}`" in _text("docs/worker.md", ".md")


def test_the_workers_document_has_the_same_values_on_both_sides() -> None:
    provisioned = {"instance_id", "availability_zone"}

    assert {field.name for field in fields(WorkerDocument)} == {
        field.name for field in fields(Settings)
    } - provisioned


def test_a_gp3_volume_is_the_same_to_the_settings_and_to_the_worker() -> None:
    names = ("LARGEST_GIB", "FREE_IOPS", "FREE_MIBS", "IOPS_PER_GIB", "IOPS_PER_MIBS")

    for name in names:
        assert getattr(gp3, name) == getattr(workers_gp3, name), name


def test_binaries_are_where_the_worker_looks_for_them() -> None:
    assert service.CLIENTS.name == AWS_CLIENT.folder
    assert task_client.CLIENTS.name == TASK_S3.folder
    assert f'/ "{AWS_CLIENT.command}"' in _text(f"{WORKER}/nextflow_worker/service.py")
    assert f'/ "{TASK_S3.command}"' in _text(f"{WORKER}/nextflow_worker/provision/task_client.py")
    folders = {f'"{program.folder}"' for program in GO_PROGRAMS}
    assert all(folder in _text(f"{LIBRARY}/worker.py") for folder in folders)


def test_the_worker_knows_the_tasks_client_by_its_version() -> None:
    name = "nextflow-batch-task-s3/"

    assert f'startswith("{name}")' in _text(f"{WORKER}/nextflow_worker/provision/task_client.py")
    assert name in _text("assets/task_s3", ".go")


def test_units_run_what_boot_unpacks() -> None:
    (folder,) = re.findall(r'^OPT="\$ROOT(\S+)"', _text(f"{WORKER}/boot.sh"), re.MULTILINE)

    units = _text(f"{WORKER}/units")
    named = re.findall(r"/opt/[^\s\"]+", units)
    assert named
    assert {path for path in named if not f"{path}/".startswith(f"{folder}/current/")} == set()


def test_the_head_knows_each_variable_that_its_job_definition_sets() -> None:
    container = only(synthesize("default")["batch"], "AWS::Batch::JobDefinition")
    names = {entry["Name"] for entry in container["ContainerProperties"]["Environment"]}
    names |= {"NF_SCM"}  # a secret, which the default settings have not

    head, docs = _text(HEAD), _text("docs/head.md", ".md")
    assert len(names) > 10
    assert {name for name in names if f'"{name}"' not in head} == set()
    assert {name for name in names if name.startswith("NF_") and f"`{name}`" not in docs} == set()


def test_workers_may_write_the_streams_that_they_write() -> None:
    data = synthesize("default")["data"].to_json()["Resources"].values()
    resources = [
        text(resource)
        for entry in data
        if entry["Type"] == "AWS::IAM::ManagedPolicy"
        for statement in entry["Properties"]["PolicyDocument"]["Statement"]
        if statement["Sid"] == "WriteLog"
        for resource in statement["Resource"]
    ]
    patterns = [resource.partition(":log-stream:")[2] for resource in resources]
    assert len(patterns) == 2  # of the worker, and of tasks for Docker

    for program in (f"{WORKER}/boot.sh", f"{WORKER}/nextflow_worker/watch/metrics.py"):
        streams = re.findall(r"\bworker/(?:\$?\{|\$1|\" \+ instance)", _text(program))
        assert streams, program
        assert all(any(fnmatch(stream, pattern) for pattern in patterns) for stream in streams)


def test_records_are_where_the_outputs_and_their_readers_look() -> None:
    logs = PurePosixPath("logs")  # joins as the head's own S3 addresses do
    record = str(record_of("JOBID", logs))  # type: ignore[arg-type]
    folder = record.removeprefix("logs/").removesuffix("run.json")
    outputs = synthesize("default")["data"].to_json()["Outputs"]

    assert outputs["LogsFolder"]["Description"].endswith(f"in {folder}")
    assert f"NF_LOGSDIR/{folder}" in _text("docs/head.md", ".md")
    assert f"/logs/{folder}run.json".replace("JOBID", "{head}") in _text("testbed/head.py")


def test_metrics_are_where_the_documents_say() -> None:
    words = f"namespace `{metrics.NAMESPACE}`, dimension `{metrics.DIMENSION}`"

    assert words in " ".join(_text("docs/worker.md", ".md").split())


def test_the_local_aws_builds_images_with_each_build_argument_that_is_documented() -> None:
    table = _text("docs/head.md", ".md").partition("| build argument | meaning |")[2]
    first_cells = re.findall(r"^\|([^|]*)", table.partition("\n\n")[0], re.MULTILINE)
    names = re.findall(r"`([A-Z0-9_]+)`", " ".join(first_cells))

    assert set(names) == set(docker_cli.BUILD_ARGUMENTS)
