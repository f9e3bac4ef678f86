"""nf-core's pipelines, from their sources, through head, queues and tasks of the local AWS.

    NF_CORE_SOURCES=FOLDER make test-head

The folder holds checkouts named as in `FOLDERS`. The commands are those of docs/nf-core.md. Tasks
run in an image that answers for every tool, nf-core's as stubs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stacks import paths
from testbed.head import HeadTestbed, NoNextflow, head_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(3600)]
IMAGE = "nextflow-batch/any-tool:local"
#: Bash reads it before each script: what no tool answers for says a version, and makes what its
#: options name.
ANY_TOOL = """
command_not_found_handle() {
    while [ $# -gt 1 ]; do
        case $1 in
            -o) mkdir -p "$2" && echo made >"$2/made" ;;
            -i) [ -e "$2" ] || { mkdir "$2" && echo made >"$2/made"; } ;;
            -n | -O) echo made >"$2" ;;
        esac
        shift
    done
    echo 1.0
}
"""
#: What fetchngs's scripts would learn from the European Nucleotide Archive.
PYTHON = r"""#!/bin/sh
id=${2%%.*}
case $1 in
    */sra_ids_to_runinfo.py) cp "$2" "$3" ;;
    */sra_runinfo_to_ftp.py)
        printf '%s\t' id run_accession fastq_1 fastq_2 md5_1 md5_2 single_end fastq_aspera >"$3"
        printf '%s\t' experiment_accession sample_accession experiment_alias run_alias >>"$3"
        printf '%s\t' sample_alias experiment_title sample_title >>"$3"
        printf 'sample_description\nSRX_%s\t%s\tftp://host/1.fastq.gz\t\t' "$id" "$id" >>"$3"
        printf '%s\t\ttrue\t\t' "$(echo made | md5sum | cut -d ' ' -f 1)" >>"$3"
        printf 'a\tb\tc\td\te\tf\tg\th\n' >>"$3" ;;
    */multiqc_mappings_config.py) echo made >"$3" ;;
    *) echo Python 3.13 ;;
esac
"""
#: nf-core's prefix of a registry is for real images.
CONFIG = f"docker.registry = ''\nprocess {{ withName: '.*' {{ container = '{IMAGE}' }} }}\n"
GENOME = "igenomes/Homo_sapiens/Ensembl/GRCh37"


DOCUMENT = paths.ROOT / "docs" / "nf-core.md"
#: The folders of their sources, in the order of the document's commands.
FOLDERS = ("rnaseq", "rnaseq", "demo", "fetchngs", "rnaseq-nf")


def commands() -> list[str]:
    """The commands that the document tells people to type."""
    return re.findall(r"^```sh\n(aws batch submit-job .+?)^```$", DOCUMENT.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def sources() -> Path:
    folder = os.environ.get("NF_CORE_SOURCES")
    if not folder:
        pytest.skip("NF_CORE_SOURCES names no folder with checkouts of nf-core's pipelines")
    return Path(folder)


@pytest.fixture(scope="module")
def testbed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadTestbed]:
    try:
        with head_testbed(paths.ROOT / "build" / "nf-core") as bed:
            make_image(tmp_path_factory.mktemp("image"))
            put_data(bed)
            yield bed
    except NoNextflow as reason:
        pytest.skip(str(reason))
    finally:
        subprocess.run(["docker", "rmi", IMAGE], check=False, capture_output=True)


def make_image(folder: Path) -> None:
    (folder / "any-tool.sh").write_text(ANY_TOOL)
    (folder / "python").write_text(PYTHON)
    (folder / "python").chmod(0o755)
    text = (
        "FROM nextflow-batch/task:local\nCOPY any-tool.sh /etc/\nCOPY python /usr/local/bin/\n"
        "ENV BASH_ENV=/etc/any-tool.sh\n"
    )
    (folder / "Dockerfile").write_text(text)
    subprocess.run(["docker", "build", "-t", IMAGE, folder], check=True, capture_output=True)


def put_data(testbed: HeadTestbed) -> None:
    """Reads of three samples, a genome, and what the iGenomes' bucket has of GRCh37."""
    rows = ["sample,fastq_1,fastq_2,strandedness"]
    for sample in ("control", "treated_1", "treated_2"):
        names = [f"data/{sample}_{number}.fastq.gz" for number in (1, 2)]
        for name in names:
            testbed.s3.put_object(Bucket=testbed.bucket, Key=name, Body=b"reads")
        rows.append(",".join([sample, *(f"s3://{testbed.bucket}/{n}" for n in names), "reverse"]))
    files = {
        "samplesheet.csv": "\n".join(rows) + "\n",
        "ids.csv": "".join(f"SRR1114074{n}\n" for n in range(4)),
        "genome.fa": ">1\nACGT\n",
        "genes.gtf": "",
        "data/any.config": CONFIG,
        # A stub of the trimming leaves no reads, with which rnaseq would do no more.
        "data/rnaseq.json": '{"min_trimmed_reads": 0}',
    }
    for name, text in files.items():
        testbed.s3.put_object(Bucket=testbed.bucket, Key=name, Body=text.encode())
    testbed.s3.create_bucket(
        Bucket="ngi-igenomes", CreateBucketConfiguration={"LocationConstraint": testbed.aws.region}
    )
    for name in (
        "Sequence/WholeGenomeFasta/genome.fa",
        "Annotation/Genes/genes.gtf",
        "Annotation/Genes/genes.bed",
        "Sequence/STARIndex/SA",
        "Sequence/Bowtie2Index/genome.1.bt2",
        "Sequence/BWAIndex/version0.6.0/genome.fa.bwt",
        "Sequence/BismarkIndex/genome.fa",
    ):
        testbed.s3.put_object(Bucket="ngi-igenomes", Key=f"{GENOME}/{name}", Body=b"genome")


def submit(testbed: HeadTestbed, sources: Path, number: int) -> str:
    """Type a command of the document, with sources, bucket, image and stubs of here."""
    folder = sources / FOLDERS[number]
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    prefix = f"projects/{folder.name}"
    if not testbed.keys(f"{prefix}/main.nf"):
        for path in folder.rglob("*"):
            if path.is_file() and ".git" not in path.parts:
                key = f"{prefix}/{path.relative_to(folder)}"
                testbed.s3.put_object(Bucket=testbed.bucket, Key=key, Body=path.read_bytes())
    command = commands()[number].replace("YOUR-BUCKET", testbed.bucket)
    # The workshop's settings have no queue for heads alone, and literal names.
    command = command.replace("lab-heads", "default").replace("lab-nextflow", "nextflow")
    before, text, after = command.split("'")
    overrides = json.loads(text)
    project, *words = overrides["command"]
    if words[0] == "-r":
        del words[:2]
    if project.startswith("nf-core/"):
        words.append("-stub")
    if folder.name == "rnaseq":
        words += ["-params-file", f"s3://{testbed.bucket}/data/rnaseq.json"]
    overrides["command"] = [
        *(
            f"s3://{testbed.bucket}/{prefix}",
            *words,
            "-c",
            f"s3://{testbed.bucket}/data/any.config",
        ),
    ]
    # Their institutions' configurations come from the internet.
    overrides.setdefault("environment", []).append({"name": "NXF_OFFLINE", "value": "true"})
    done = subprocess.run(
        ["bash", "-c", f"{before}'{json.dumps(overrides)}'{after}"],
        env=testbed.aws.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(done.stdout)["jobId"])


def unfinished(testbed: HeadTestbed, head: str) -> set[str]:
    """The tasks that were submitted and of which the session's cache knows no end, by their hash.

    What a pipeline runs in the head itself is in the cache too, and no job.
    """
    jobs = {
        "".join(found.groups())
        for task in testbed.tasks(head)
        if (found := re.search(r"/work/(\w\w)/(\w{30})", " ".join(task["container"]["command"])))
    }
    return jobs - {
        Path(key).name for key in testbed.keys(f"_nextflow/logs/sessions/run-{head}/cache/")
    }


@pytest.mark.parametrize("number", range(len(FOLDERS)), ids=FOLDERS)
def test_a_pipeline_runs_and_after_a_lost_host_repeats_only_what_was_in_flight(
    testbed: HeadTestbed, sources: Path, number: int
) -> None:
    began = time.monotonic()
    whole = submit(testbed, sources, number)
    end = testbed.end(whole)
    assert end[0] == "SUCCEEDED", end
    seconds = round(time.monotonic() - began)
    tasks = testbed.tasks(whole)
    assert {task["status"] for task in tasks} == {"SUCCEEDED"}

    half = submit(testbed, sources, number)
    testbed.until(lambda: testbed.done(half) >= len(tasks) // 2, "half of it is done", 1800)
    testbed.aws.faults.host_reclaimed(half)
    done, in_flight = testbed.done(half), len(unfinished(testbed, half))
    end = testbed.end(half)
    assert end[0] == "SUCCEEDED", end
    repeated = len(testbed.tasks(half)) - len(tasks)
    print(
        f"\n{FOLDERS[number]}: {len(tasks)} jobs in {seconds} s; host lost at {done} done, "
        f"{in_flight} in flight: {repeated} repeated, {len(testbed.alive(half))} orphans; "
        f"run.json {testbed.record(half)['tasks']}"
    )
    assert repeated <= in_flight
    assert testbed.alive(half) == []
