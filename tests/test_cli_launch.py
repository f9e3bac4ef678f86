"""`nfbatch launch`: what it submits, what it uploads, and that it leaves nothing when it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from nextflow_head import options
from nfbatch import arguments, submission
from nfbatch.aws import Aws
from nfbatch.error import Kind, NfbatchError
from nfbatch.project_folder import ProjectFolder
from nfbatch.s3_uri import S3Uri
from nfbatch.upload import Uploads
from tests.support.batch import REGION
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "rna"
    folder.mkdir()
    (folder / "main.nf").write_text("workflow {}\n")
    return folder


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The repository of `hello`, at the address of which Git finds a local folder."""
    root = tmp_path_factory.mktemp("github")
    hello = root / "nextflow-io" / "hello"
    hello.mkdir(parents=True)
    git(hello, "init", "--quiet", "--initial-branch=master")
    git(hello, "commit", "--quiet", "--allow-empty", "-m", "first")
    git(hello, "tag", "--annotate", "v1.0", "-m", "first")
    git(hello, "branch", "v2")
    git(hello, "commit", "--quiet", "--allow-empty", "-m", "second")
    git(hello, "tag", "v2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_COUNT", "1")
        patch.setenv("GIT_CONFIG_KEY_0", f"url.{root}/.insteadOf")
        patch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
        yield hello


def launched(lab: DeploymentTestbed, *words: str) -> dict[str, Any]:
    """Launch a run and describe its job."""
    (made,) = lab.nfbatch("launch", "--json", *words).json["runs"]
    return lab.testbed.describe(made["id"])


def arguments_of(lab: DeploymentTestbed, job: dict[str, Any]) -> list[str]:
    """The arguments that Nextflow got, from the head's own `-resume SESSION` on."""
    words = [
        line.removeprefix("argument: ")
        for line in lab.log(job["jobId"])
        if line.startswith("argument: ")
    ]
    return words[words.index("-resume") + 2 :]


def test_hello_needs_nothing_else_and_its_end_is_the_exit_status(
    lab: DeploymentTestbed, github: Path
) -> None:
    answer = lab.nfbatch("launch", "--follow", "hello")

    assert answer.status == 0, answer.err
    assert "Bonjour world!" in answer.out.splitlines()
    assert " succeeded after " in answer.err.splitlines()[-1]


def test_a_run_that_fails_is_an_exit_status_and_the_heads_sentence(
    lab: DeploymentTestbed, project: Path
) -> None:
    (project / "fail").touch()
    answer = lab.nfbatch("launch", "--follow", "--name", "unlucky", str(project))

    assert answer.status == Kind.RUN_FAILED
    assert answer.err.splitlines()[-1].startswith("nfbatch: unlucky ended as FAILED: ")


def test_options_become_the_jobs(lab: DeploymentTestbed) -> None:
    options = ["--name", "trial", "--label", "study=cohort 7", "--label", "pi=a@b.org"]
    options += ["--queue", lab.queues[1], "--head-vcpus", "1", "--head-memory", "600"]
    job = launched(lab, *options, "s3://nowhere/at-all", "-profile", "test,docker")

    needs = {entry["type"]: entry["value"] for entry in job["container"]["resourceRequirements"]}
    environment = {entry["name"]: entry["value"] for entry in job["container"]["environment"]}
    assert job["jobName"] == "trial"
    assert job["jobQueue"].endswith(f"/{lab.queues[1]}")
    assert needs == {"VCPU": "1", "MEMORY": "600"}
    assert (job["tags"]["study"], job["tags"]["pi"]) == ("cohort 7", "a@b.org")
    assert environment["NF_OWNER"] == "moto"
    assert job["container"]["command"] == ["s3://nowhere/at-all", "-profile", "test,docker"]


def test_a_dry_run_prints_the_request_and_does_nothing(
    lab: DeploymentTestbed, project: Path
) -> None:
    before = lab.heads(), lab.keys("launch")
    words = ["--name", "trial", "--label", "a=b", "--head-memory", "600", str(project), "--x", "1"]
    request = lab.nfbatch("launch", "--dry-run", *words).json

    assert (lab.heads(), lab.keys("launch")) == before
    job = launched(lab, *words)
    # Batch accepts it as it is; only the place of the upload is another one each time.
    same = lab.testbed.describe(lab.testbed.batch.submit_job(**request)["jobId"])
    for description in (job, same):
        description["container"]["command"][0] = ""
        for changing in ("jobId", "jobArn", "createdAt", "status", "startedAt", "stoppedAt"):
            description.pop(changing, None)
        description.pop("attempts", None)
        description["container"] = {
            key: description["container"][key]
            for key in ("command", "environment", "resourceRequirements", "image")
        }
        description["tags"].pop("nextflow-outcome", None)
        description["tags"].pop("nextflow-reason", None)
    assert {**job, "statusReason": ""} == {**same, "statusReason": ""}


@pytest.mark.parametrize(
    ("words", "reference"),
    [([], "HEAD"), (["-r", "v1.0"], "v1.0^{commit}"), (["-r", "v2"], "refs/tags/v2")],
)
def test_a_revision_is_pinned_to_its_commit(
    lab: DeploymentTestbed, github: Path, words: list[str], reference: str
) -> None:
    answer = lab.nfbatch("launch", "--dry-run", "hello", "-profile", "test", *words)
    commit = git(github, "rev-parse", reference)

    command = answer.json["containerOverrides"]["command"]
    assert command[command.index("-r") + 1] == commit
    assert [word for word in command if word not in ("-r", commit)] == ["hello", "-profile", "test"]
    assert f" is commit {commit}\n" in answer.err


def test_a_revision_that_the_repository_lacks_is_refused(
    lab: DeploymentTestbed, github: Path
) -> None:
    answer = lab.nfbatch("launch", "hello", "-r", "v9")

    assert answer.status == Kind.BAD_INPUT
    assert answer.err == (
        "nfbatch: -r v9 is not allowed: https://github.com/nextflow-io/hello has no such branch or"
        " tag\n"
    )


def test_a_revision_that_cannot_be_looked_up_is_passed_on_and_the_user_knows(
    lab: DeploymentTestbed, github: Path
) -> None:
    private = lab.nfbatch("launch", "--dry-run", "lab/secret", "-r", "dev")
    elsewhere = lab.nfbatch("launch", "--dry-run", "lab/x", "-hub", "our-gitea", "-r", "dev")
    without_git = lab.nfbatch("launch", "--dry-run", "hello", PATH=os.devnull)

    assert private.json["containerOverrides"]["command"] == ["lab/secret", "-r", "dev"]
    for answer in (private, elsewhere, without_git):
        assert "is not pinned to a commit, so a later attempt may run another version" in answer.err
    assert "(git is not installed)" in without_git.err


def test_a_local_folder_is_launched_without_what_git_ignores(
    lab: DeploymentTestbed, project: Path
) -> None:
    files = {
        ".gitignore": "work/\n*.log\n!keep.log\n/data\n",
        "bin/tool.sh": "#!/bin/sh\n",
        "keep.log": "",
        "drop.log": "",
        "work/ab/out.txt": "",
        "data/reads.fq": "",
        "modules/data/kept.txt": "",
        "modules/.gitignore": "*.tmp\n!/keep.log\ndata/*.bam\n",
        "modules/a.tmp": "",
        "modules/data/x.bam": "",
        ".git/config": "",
        ".nextflow/history": "",
        ".nextflow.log.1": "",
    }
    for name, content in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content)
    job = launched(lab, str(project), "--x", "1 2", "--y")
    log = lab.log(job["jobId"])

    assert [line.removeprefix("file: ./") for line in log if line.startswith("file: ")] == [
        ".gitignore",
        "bin/tool.sh",
        "keep.log",
        "main.nf",
        "modules/.gitignore",
        "modules/data/kept.txt",
    ]
    assert arguments_of(lab, job)[1:] == ["--x", "1 2", "--y"]


def test_git_itself_would_choose_the_same_files(project: Path) -> None:
    lines = ["*.log", "!keep.log", "build/", "/out", "**/cache/**", "a[0-9].txt", "!a5.txt", "#x"]
    (project / ".gitignore").write_text("\n".join(lines))
    (project / "sub").mkdir()
    (project / "sub" / ".gitignore").write_text("!x.log\nout\n!build/\n")
    names = ["x.log", "keep.log", "build/o", "out/a", "a1.txt", "a5.txt", "d/cache/e/f", "#x", "b"]
    for name in [*names, *(f"sub/{name}" for name in names)]:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    git(project, "init", "--quiet")

    chosen = [str(file) for file in ProjectFolder(project).files]
    assert chosen == sorted(
        git(project, "ls-files", "--cached", "--others", "--exclude-standard").splitlines(),
        key=lambda name: name.split("/"),
    )


def test_a_projects_files_keep_times_and_modes(project: Path, tmp_path: Path) -> None:
    """They are part of Nextflow's task hashes, so another launch can resume."""
    (project / "bin").mkdir()
    (project / "bin" / "tool").write_text("#!/bin/sh\n")
    (project / "bin" / "tool").chmod(0o755)
    os.utime(project / "main.nf", (1_700_000_000, 1_700_000_000))
    packed = tmp_path / "packed.tar.gz"
    with packed.open("wb") as file:
        ProjectFolder(project).pack(file)

    with tarfile.open(packed) as archive:
        assert archive.getmember("main.nf").mtime == 1_700_000_000
        assert archive.getmember("bin/tool").mode & 0o111
        assert {member.uname for member in archive} == {""}


def test_a_script_is_launched_with_its_folder(lab: DeploymentTestbed, project: Path) -> None:
    (project / "main.nf").rename(project / "other.nf")
    command = lab.nfbatch("launch", "--dry-run", str(project / "other.nf"), "--x", "1").json[
        "containerOverrides"
    ]["command"]

    assert command[0].startswith(f"s3://{lab.bucket}/_nextflow/launch/")
    assert command[1:] == ["-main-script", "other.nf", "--x", "1"]


def test_local_files_in_the_arguments_are_uploaded(
    lab: DeploymentTestbed, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "a.config", "b/a.config", "samples.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"name: {name}\n")
    (project / "conf.config").write_text("")
    words = ["-params-file", "params.yaml", "-c", "a.config,b/a.config,conf.config"]
    words += ["--input=samples.csv", "--again", "samples.csv", "--outdir", "b", "--n", "7"]
    job = launched(lab, "rna", *words)
    command = job["container"]["command"]
    given = dict(zip(command[1::2], command[2::2], strict=False))

    first, second, inside = given["-c"].split(",")
    assert inside == "conf.config"
    assert first != second
    uploads = {"params.yaml": given["-params-file"], "a.config": first, "b/a.config": second}
    uploads["samples.csv"] = command[5].removeprefix("--input=")
    for name, uri in uploads.items():
        key = uri.removeprefix(f"s3://{lab.bucket}/")
        body = lab.s3.get_object(Bucket=lab.bucket, Key=key)["Body"].read().decode()
        assert body == f"name: {name}\n"
    assert command[6:] == ["--again", uploads["samples.csv"], "--outdir", "b", "--n", "7"]
    # The head finds all of them, or it would end with status 2.
    lab.log(job["jobId"])
    assert lab.testbed.describe(job["jobId"])["status"] == "SUCCEEDED"


def test_arguments_that_are_too_long_for_batch_arrive_as_they_are(
    lab: DeploymentTestbed, project: Path
) -> None:
    words = ["--text", "ä" * 9000, "--empty", "", "--quoted", "'\"$HOME"]
    job = launched(lab, str(project), *words)

    assert arguments_of(lab, job)[1:] == words


@pytest.mark.parametrize("length", [7900, 8000, 8100, 8200])
def test_batch_accepts_the_overrides_around_the_longest(
    lab: DeploymentTestbed, length: int
) -> None:
    job = launched(lab, "s3://nowhere/at-all", "--x", "y" * length)

    assert "statusReason" not in job or "Overrides" not in job["statusReason"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["./nowhere"], "the project ./nowhere does not exist"),
        (["rna", "-r", "main"], "-r main is not allowed: rna is local, and is launched as it is"),
        (["rna", "-params-file", "p.yml"], "-params-file p.yml: there is no such file"),
        (["rna", "-params-file", "rna"], "-params-file rna is not allowed: its name must end in"),
        (["rna", "-c", "main.nf,no.config"], "-c no.config: there is no such file"),
        (["empty"], "empty is not a Nextflow project: it has no main.nf or nextflow.config"),
        (["notes.txt"], "notes.txt is not a Nextflow project: it must be a folder, a script"),
        (["rna", "--follow"], "--follow after the project would be a parameter of the pipeline"),
        (["--queue", "fast", "rna"], "--queue fast is not allowed: lab has "),
        (["--name", "a b", "rna"], "the name 'a b' is not allowed"),
        (["--label", "x", "rna"], "--label x is not allowed: it must be KEY=VALUE"),
        (["--label", "aws:x=y", "rna"], "--label aws:x=y is not allowed"),
        (["--resume", "nobody", "rna"], "Batch knows no run 'nobody' of lab"),
        (["--each", "no.csv", "rna"], "--each: no.csv cannot be read: No such file"),
        (["--each", "t.csv", "rna"], "--each: the arguments name no column of t.csv: put {id}, {"),
        (["--each", "t.csv", "rna", "--x", "{ID}"], "--each: {ID} is not a column of t.csv"),
        (["--each", "bad.csv", "rna", "--x", "{id}"], "--each: bad.csv, row 3: must have 2 cells"),
        (["--each", "t.csv", "--follow", "rna"], "--each is not allowed together with --follow"),
    ],
)
def test_bad_input_is_one_line_and_nothing_happens(
    lab: DeploymentTestbed,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(folder := project.parent)
    (folder / "empty").mkdir()
    (folder / "notes.txt").touch()
    (folder / "t.csv").write_text("id,file\na,b\n")
    (folder / "bad.csv").write_text("id,file\na,b\nc\n")
    before = lab.heads(), lab.keys("launch")
    answer = lab.nfbatch("launch", *words)

    assert answer.status in (Kind.BAD_INPUT, Kind.NOT_FOUND)
    assert answer.err.splitlines()[-1].startswith(f"nfbatch: {sentence}")
    assert "Traceback" not in answer.err
    assert (lab.heads(), lab.keys("launch")) == before


def test_links_out_of_a_project_are_refused(project: Path) -> None:
    (project / "data").symlink_to("/etc")

    with pytest.raises(NfbatchError, match="is a link that leads out of the project"):
        ProjectFolder(project)


def test_a_project_that_is_too_large_names_its_largest_file(project: Path) -> None:
    with (project / "genome.fa").open("wb") as file:
        file.truncate(600 * 2**20)

    with pytest.raises(NfbatchError, match=r"has 600 MiB, .*; the largest file is genome\.fa"):
        ProjectFolder(project)


def test_a_launch_that_is_interrupted_leaves_nothing(
    lab: DeploymentTestbed, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lab.heads(), lab.keys("launch")
    seen: list[list[str]] = []

    def interrupted(*_: object) -> None:
        seen.append(lab.keys("launch"))
        raise KeyboardInterrupt

    monkeypatch.setattr(submission, "submit", interrupted)
    answer = lab.nfbatch("launch", str(project))

    assert len(seen[0]) == len(before[1]) + 1
    assert answer.status == Kind.INTERRUPTED
    assert (lab.heads(), lab.keys("launch")) == before


def test_an_upload_that_fails_takes_away_what_was_uploaded_before(
    lab: DeploymentTestbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.testbed.endpoint)
    before = lab.keys("launch")
    first, second = tmp_path / "first", tmp_path / "second"
    first.touch()

    def upload() -> None:
        with Uploads(S3Uri(lab.bucket, "_nextflow/launch/x")) as uploads:
            uploads.plan("first", first)
            uploads.plan("second", second)
            uploads.upload(Aws(region=REGION), lambda _: None)

    with pytest.raises(NfbatchError, match="second cannot be uploaded"):
        upload()
    assert lab.keys("launch") == before


def test_of_several_runs_all_are_submitted_or_none(
    lab: DeploymentTestbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.testbed.endpoint)
    before = set(lab.heads())
    good = {
        "jobName": "first",
        "jobQueue": lab.queues[0],
        "jobDefinition": lab.job_definition,
        "containerOverrides": {"command": ["s3://nowhere/at-all"]},
    }
    bad = {**good, "jobQueue": "no-such-queue"}
    aws = Aws(region=REGION)
    with pytest.raises(aws.client("batch").exceptions.ClientException):
        submission.submit(aws, [good, bad])

    (first,) = set(lab.heads()) - before
    ended = lab.testbed.wait(first)
    assert (ended["status"], ended["statusReason"]) == ("FAILED", submission.CANCELLED)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as at a terminal: a shell lets its background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_waits_until_the_jobs_id_is_known() -> None:
    done = []

    def call() -> None:
        with submission._uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("the call returned")

    with pytest.raises(KeyboardInterrupt):
        call()
    assert done == ["the call returned"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_each_row_of_a_table_is_a_run(
    lab: DeploymentTestbed, project: Path, tmp_path: Path
) -> None:
    table = tmp_path / "samples.tsv"
    table.write_text("sample\tstrand\na\tforward\nb\tno strand\n")
    words = ["--each", str(table), "--name", "rna-{sample}"]
    words += [str(project), "--strand", "{strand}", "--outdir=s3://b/{sample}", "--glob", "*_{1,2}"]
    runs = lab.nfbatch("launch", "--json", *words).json["runs"]
    jobs = [lab.testbed.describe(run["id"])["container"]["command"] for run in runs]

    assert [run["name"] for run in runs] == ["rna-a", "rna-b"]
    assert [job[1:] for job in jobs] == [
        ["--strand", "forward", "--outdir=s3://b/a", "--glob", "*_{1,2}"],
        ["--strand", "no strand", "--outdir=s3://b/b", "--glob", "*_{1,2}"],
    ]
    # The project is uploaded once.
    assert jobs[0][0] == jobs[1][0]


@pytest.mark.parametrize(
    "words",
    [
        ["-r", "main", "-c", "a,b", "-params-file", "p.yml", "--input", "x", "--y=z"],
        ["-profile", "test,docker", "--flag", "-revision", "v1", "--n", "-5", "-hub", "gitlab"],
        ["--input", "a b", "--list", "a,b", "-main-script", "x.nf", "-resume", "--last"],
        ["-config", "c", "-entry", "main", "-with-report", "--x", "--y", "1"],
    ],
)
def test_options_have_the_values_that_the_head_reads(words: list[str]) -> None:
    """The head reads all of Nextflow's options as Nextflow does; this program a few of them."""
    line = options.read(["hello", *words])
    known = {*arguments.REVISION, *arguments.CONFIG, *arguments.PARAMS_FILE}
    known |= {*arguments.MAIN_SCRIPT, *arguments.HUB}
    expected = [
        (option.name, option.value.text)
        for option in line.options
        if option.name in known and option.value
    ]
    parameters = {
        f"--{option.value.text}" for option in line.find("--") if option.value is not None
    }
    found = arguments.values(words)

    assert known <= options.VALUED
    assert [(v.option, v.text) for v in found if not v.is_parameter] == expected
    assert {f"{v.option}={v.text}" for v in found if v.is_parameter} <= parameters


@pytest.mark.parametrize(
    ("project_name", "stem"),
    [
        ("hello", "hello"),
        ("nf-core/rnaseq", "rnaseq"),
        ("https://git.example.org/a/b.git", "b"),
        ("s3://bucket/x/rna.tar.gz", "rna"),
        (".", "run"),
        ("./Ärger/main.nf", "rger"),
        ("x" * 200, "x" * 123),
    ],
)
def test_a_run_gets_a_name_that_batch_accepts(project_name: str, stem: str) -> None:
    name = submission.make_name(project_name)

    assert submission.check_name(name) == name
    assert name[: len(stem)].strip("-") == stem.strip("-")
    assert json.dumps(name).isascii()
