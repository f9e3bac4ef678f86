"""The head's plugin in a real Nextflow: its core, with a stand-in for its executor for AWS Batch.

Against the real nf-amazon it is compiled in each build of the image, and run by `make test-head`.
"""

import csv
import json
import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_aws.rehearsal import core

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "docker" / "nextflow"
STAND_IN = Path(__file__).with_name("nf_amazon")
PLUGINS = "nf-amazon@0.0.1,nf-head@1.0.0"

#: As in nf-core's base.config: what a retry may mend is retried with more, anything else ends the
#: run, some processes apart.
STRATEGY = """
process.executor = 'awsbatch'
process.queue = 'spot'
process.memory = { 8.MB * task.attempt }
process.errorStrategy = { task.exitStatus in ((130..145) + 104 + 175) ? 'retry' : 'finish' }
process.maxRetries = 1
process.maxErrors = '-1'
process { withLabel: 'error_ignore' { errorStrategy = 'ignore' } }
"""

PIPELINE = """
process GREEDY {
    output: stdout
    script: "test ${task.attempt} -gt 1 || exit 137; echo enough"
}
process BAD {
    label 'error_ignore'
    script: "exit 3"
}
process THEIRS {
    label 'error_ignore'
    queue 'spot-of-the-pipeline'
    script: "true"
}
workflow {
    GREEDY | view
    BAD()
    THEIRS()
}
"""

FLEETING = """
process NAP {
    output: stdout
    script: "echo done"
}
workflow { NAP | view }
"""

#: Images as pipelines name them, by process.
IMAGES = {
    "OFFICIAL": "ubuntu:24.04",
    "HUB": "nfcore/base:2.1",
    "HUB_BY_NAME": "docker.io/nfcore/base:2.1",
    "QUAY": "quay.io/biocontainers/fastqc:0.12.1--hdfd78af_0",
    "DIGEST": "quay.io/biocontainers/fastqc@sha256:" + "0" * 64,
    "ELSEWHERE": "community.wave.seqera.io/library/fastqc:0.12.1",
    "PORT": "localhost:5000/quay.io/x",
    "DEFINITION": "job-definition://theirs:1",
}
_PROCESS = """
process NAME {
    container 'IMAGE'

    script:
    "true"
}
"""
_BARE = """
process BARE {
    script:
    "true"
}
workflow {
    BARE()
}
"""
CONTAINERS = "".join(
    _PROCESS.replace("NAME", name).replace("IMAGE", image) for name, image in IMAGES.items()
) + _BARE.replace("    BARE()", "\n".join(f"    {name}()" for name in [*IMAGES, "BARE"]))
ON_DEMAND = {"NF_ON_DEMAND_QUEUE": "on-demand"}
CACHE = "123456789012.dkr.ecr.us-west-2.amazonaws.com/lab"


@dataclass
class PluginTestbed:
    """A folder with a Nextflow that has the plugin."""

    folder: Path
    nextflow: Path
    variables: dict[str, str]

    def run(self, pipeline: str, *arguments: str, **variables: str) -> str:
        """Run it to its end and give its output, its exit status before it."""
        (self.folder / "main.nf").write_text(pipeline)
        (self.folder / "nextflow.config").write_text(STRATEGY)
        (self.folder / "submitted").write_text("")
        done = subprocess.run(
            [self.nextflow / "bin" / "nextflow", "run", "main.nf", *arguments],
            cwd=self.folder,
            env=self.variables | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1200,
        )
        return f"{done.returncode} {done.stdout}"

    def submitted(self, process: str) -> list[str]:
        """Queue, attempt and memory of each submission of a process."""
        lines = (self.folder / "submitted").read_text().splitlines()
        return [line.split(" ", 1)[1] for line in lines if line.startswith(f"{process} ")]

    @property
    def images(self) -> dict[str, str]:
        """The image of each process."""
        lines = (self.folder / "images").read_text().splitlines()
        return dict(line.split(" ", 1) for line in lines)

    @property
    def counted(self) -> dict[str, Any]:
        """What the plugin has counted."""
        return dict(json.loads((self.folder / "tasks.json").read_text()))

    @property
    def listed(self) -> list[dict[str, str]]:
        """The rows of the plugin's table."""
        with (self.folder / "tasks.tsv").open() as file:
            return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core, the stand-in and the plugin, compiled as in the image."""
    try:
        fetched = core.fetch(ROOT / "build" / "rehearsal")
    except core.CoreUnavailable as reason:
        pytest.skip(str(reason))
    bed = tmp_path_factory.mktemp("distribution")
    for part in ("bin", "lib"):
        (bed / part).symlink_to(fetched / part)
    classes = bed / "plugins" / "nf-amazon-0.0.1" / "classes"
    shutil.copytree(STAND_IN / "META-INF", classes / "META-INF")
    compiler = ["java", "-cp", f"{bed}/lib/*", "org.codehaus.groovy.tools.FileSystemCompiler"]
    subprocess.run(
        [*compiler, "-d", classes, *sorted(map(str, STAND_IN.rglob("*.groovy")))], check=True
    )
    install(bed)
    return bed


def install(distribution: Path) -> str:
    """Install the plugin as the Dockerfile does, and give what is said."""
    done = subprocess.run(
        [SOURCES / "install-plugin.sh", SOURCES / "plugin", distribution],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return f"{done.returncode} {done.stdout}"


@pytest.fixture
def testbed(distribution: Path, tmp_path: Path) -> PluginTestbed:
    return PluginTestbed(
        tmp_path,
        distribution,
        {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "NXF_HOME": str(tmp_path / "home"),
            "NXF_JVM_ARGS": "-XX:TieredStopAtLevel=1",
            "NXF_ANSI_LOG": "false",
            "NXF_OFFLINE": "true",
            "NXF_UUID": str(uuid.uuid4()),
            "NXF_PLUGINS_DIR": str(distribution / "plugins"),
            "NXF_PLUGINS_DEFAULT": PLUGINS,
            "NF_TASKS_FILE": str(tmp_path / "tasks.json"),
            "NF_TASK_TABLE": str(tmp_path / "tasks.tsv"),
            "NF_JOB_QUEUE": "arn:aws:batch:us-west-2:123456789012:job-queue/spot",
        },
    )


def test_a_task_that_lost_its_host_goes_on_demand_and_the_pipelines_strategy_hears_of_the_rest(
    testbed: PluginTestbed,
) -> None:
    output = testbed.run(PIPELINE, NF_ON_DEMAND_QUEUE="on-demand")

    assert output.startswith("0 "), output
    # The loss costs neither memory nor one of its retries; what it fails of afterwards does.
    assert testbed.submitted("GREEDY") == ["spot 1 8 MB", "on-demand 1 8 MB", "on-demand 2 16 MB"]
    assert testbed.submitted("BAD") == ["spot 1 8 MB", "on-demand 1 8 MB"]
    assert testbed.submitted("THEIRS") == ["spot-of-the-pipeline 1 8 MB"]
    assert "NOTE: GREEDY has lost its hosts: Host EC2 (instance i-0abc) terminated." in output
    assert testbed.counted == {
        "plugins": PLUGINS.split(","),
        "processes": {
            "BAD": {"failed": 1},
            "GREEDY": {"completed": 1, "failed": 1},
            "THEIRS": {"failed": 1},
        },
    }


def test_tasks_are_listed_wherever_the_pipeline_keeps_its_trace(testbed: PluginTestbed) -> None:
    (testbed.folder / "more.config").write_text(
        "trace { enabled = true; file = 'theirs.txt'; fields = 'name' }\n"
    )
    testbed.run(PIPELINE, "-c", "more.config", **ON_DEMAND)

    assert (testbed.folder / "theirs.txt").read_text().startswith("name\n")
    rows = {(row["process"], row["status"]): row for row in testbed.listed}
    assert set(rows) == {
        ("GREEDY", "FAILED"), ("GREEDY", "COMPLETED"), ("BAD", "FAILED"), ("THEIRS", "FAILED")
    }  # fmt: skip
    done = rows["GREEDY", "COMPLETED"]
    assert (done["queue"], done["cpus"], done["memory"]) == ("on-demand", "1", "16 MB")
    assert int(done["submit"]) <= int(done["complete"])
    assert rows["BAD", "FAILED"]["exit"] == "3"


def test_what_ended_on_demand_is_found_by_a_resume(testbed: PluginTestbed) -> None:
    testbed.run(FLEETING, NF_ON_DEMAND_QUEUE="on-demand")
    assert testbed.submitted("NAP") == ["spot 1 8 MB", "on-demand 1 8 MB"]

    output = testbed.run(FLEETING, "-resume", testbed.variables["NXF_UUID"], NF_ON_DEMAND_QUEUE="x")

    assert output.startswith("0 "), output
    assert testbed.submitted("NAP") == []
    assert testbed.counted["processes"] == {"NAP": {"cached": 1}}


@pytest.mark.parametrize("last", ["spot-later", "spot"])
def test_a_task_gives_up_when_the_last_queue_has_lost_its_host_too(
    testbed: PluginTestbed, last: str
) -> None:
    output = testbed.run(FLEETING, NF_ON_DEMAND_QUEUE=last, NF_SPOT_ATTEMPTS="2")

    assert output.startswith("1 "), output
    assert testbed.submitted("NAP") == ["spot 1 8 MB", "spot 1 8 MB", f"{last} 1 8 MB"]
    assert "Caused by:\n  Host EC2 (instance i-0abc) terminated." in output
    assert testbed.counted["processes"] == {"NAP": {"failed": 1}}


def test_without_an_on_demand_queue_the_loss_is_the_pipelines_business(
    testbed: PluginTestbed,
) -> None:
    output = testbed.run(FLEETING)

    assert output.startswith("1 "), output
    assert testbed.submitted("NAP") == ["spot 1 8 MB"]
    assert "Caused by:\n  Host EC2 (instance i-0abc) terminated." in output


def test_images_of_copied_registries_are_pulled_from_their_copies(testbed: PluginTestbed) -> None:
    copies = f"docker.io={CACHE}/hub-0123 quay.io={CACHE}/quay"

    testbed.run(CONTAINERS, NF_REGISTRIES=copies, **ON_DEMAND)

    assert testbed.images == {
        "OFFICIAL": f"{CACHE}/hub-0123/library/ubuntu:24.04",
        "HUB": f"{CACHE}/hub-0123/nfcore/base:2.1",
        "HUB_BY_NAME": f"{CACHE}/hub-0123/nfcore/base:2.1",
        "QUAY": f"{CACHE}/quay/biocontainers/fastqc:0.12.1--hdfd78af_0",
        "DIGEST": f"{CACHE}/quay/biocontainers/fastqc@sha256:{'0' * 64}",
        **{name: IMAGES[name] for name in ("ELSEWHERE", "PORT", "DEFINITION")},
        "BARE": "null",
    }


def test_images_of_docker_registry_are_looked_up_by_it(testbed: PluginTestbed) -> None:
    """As nf-core's pipelines have it: `docker.registry` and a name without one."""
    (testbed.folder / "more.config").write_text("docker.registry = 'quay.io'\n")

    testbed.run(CONTAINERS, "-c", "more.config", NF_REGISTRIES=f"quay.io={CACHE}/quay", **ON_DEMAND)

    assert testbed.images["HUB"] == f"{CACHE}/quay/nfcore/base:2.1"


def test_without_copies_images_are_as_nextflow_has_them(testbed: PluginTestbed) -> None:
    testbed.run(CONTAINERS, **ON_DEMAND)

    assert testbed.images == {**IMAGES, "BARE": "null"}


def test_a_resume_finds_what_ran_without_copies(testbed: PluginTestbed) -> None:
    pipeline = _PROCESS.replace("NAME", "ONE").replace("IMAGE", "quay.io/a/b:1")
    pipeline += _BARE.replace("    BARE()", "    ONE()")
    output = testbed.run(pipeline, **ON_DEMAND)
    assert output.startswith("0 "), output

    testbed.run(
        pipeline,
        *("-resume", testbed.variables["NXF_UUID"]),
        NF_REGISTRIES=f"quay.io={CACHE}/quay",
        **ON_DEMAND,
    )

    assert testbed.counted["processes"] == {"ONE": {"cached": 1}}


def test_a_short_run_does_not_wait_for_nextflows_own_poll(testbed: PluginTestbed) -> None:
    """Which would not come within the test's time."""
    output = testbed.run(FLEETING, POLL="1 h")

    assert output.startswith("1 "), output
    assert "Host EC2 (instance i-0abc) terminated." in output


@pytest.mark.parametrize("queue", ["x", ""])
def test_jobs_and_definitions_carry_the_deployments_name_whatever_a_pipeline_says(
    testbed: PluginTestbed, queue: str
) -> None:
    text = FLEETING.replace("output:", "resourceLabels team: 'genomics'\n    output:")

    testbed.run(text, "-process.queue=od", NF_DEPLOYMENT="lab-a", NF_ON_DEMAND_QUEUE=queue)

    jobs = (testbed.folder / "jobs").read_text()
    assert jobs == "nf-lab-a_none [team:genomics, nextflow-deployment:lab-a]\n"


def test_a_definitions_name_is_cut_to_what_batch_takes(testbed: PluginTestbed) -> None:
    """Two long names that differ at their end stay apart."""
    images = [f"registry.example.org/{'long/' * 15}{last}" for last in ("image-a", "image-b")]
    for image in images:
        testbed.run(FLEETING, f"-process.container={image}", NF_DEPLOYMENT="d" * 24)

    names = {line.split(" ")[0] for line in (testbed.folder / "jobs").read_text().splitlines()}
    assert len(names) == 2
    assert {len(name) for name in names} == {128}
    assert all(name.startswith(f"nf-{'d' * 24}_registry-example-org-long") for name in names)


@pytest.mark.parametrize(
    "setting",
    [
        "executor.pollInterval = '1 sec'",
        "executor.'$awsbatch'.pollInterval = '1 sec'",
        "executor { $awsbatch { pollInterval = '1 sec' } }",
    ],
)
def test_a_poll_interval_that_somebody_has_set_is_kept(
    testbed: PluginTestbed, setting: str
) -> None:
    (testbed.folder / "more.config").write_text(f"{setting}\n")

    testbed.run(FLEETING, "-c", "more.config")
    log = (testbed.folder / ".nextflow.log").read_text()

    assert "PollFactory" in log
    assert "Observer: nextflowbatch.Poll\n" not in log


def test_a_pipelines_own_plugins_do_not_displace_it(testbed: PluginTestbed) -> None:
    text = "plugins { id 'nf-amazon@0.0.1' }\n"
    (testbed.folder / "more.config").write_text(text)

    testbed.run(FLEETING, "-c", "more.config", NF_ON_DEMAND_QUEUE="on-demand")

    assert testbed.submitted("NAP") == ["spot 1 8 MB", "on-demand 1 8 MB"]


def test_a_plugin_that_does_not_fit_nextflow_fails_the_build_of_the_image(
    distribution: Path, tmp_path: Path
) -> None:
    (tmp_path / "lib").symlink_to(distribution / "lib")
    assert install(tmp_path).startswith("1 "), "there is no folder of plugins"
    (tmp_path / "plugins" / "nf-amazon-9.0.0" / "classes").mkdir(parents=True)

    record = install(tmp_path)

    assert record.startswith("1 ")
    assert "unable to resolve class nextflow.cloud.aws.batch.AwsBatchExecutor" in record
    assert "does not compile against this Nextflow and nf-amazon-9.0.0" in record


def test_where_there_are_no_plugins_it_is_left_out_in_words(tmp_path: Path) -> None:
    (tmp_path / "no-plugins").write_text("this is a simulation\n")

    assert install(tmp_path) == (
        "0 install-plugin: the head's own plugin is not installed either: this is a simulation\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["no-plugins"]
