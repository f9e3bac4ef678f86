"""How the head reads the options of `nextflow run`, compared with Nextflow's own launcher."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_aws.rehearsal import core
from nextflow_head import options

ROOT = Path(__file__).parents[1]
#: What the launcher that ships has, and the one that this test can fetch has not.
NEWER = {"-output-format"}

# Prints the launcher's options, then what it makes of each line's arguments.
LAUNCHER = """
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import com.beust.jcommander.DynamicParameter
import com.beust.jcommander.Parameter
import nextflow.cli.CliOptions
import nextflow.cli.CmdRun
import nextflow.cli.Launcher

def table(type) {
    def found = [:]
    for( def level = type; level != Object; level = level.superclass ) {
        for( member in level.declaredFields.toList() + level.declaredMethods.toList() ) {
            def option = member.getAnnotation(Parameter)
            if( option ) {
                def kind = member instanceof java.lang.reflect.Field ? member.type : member.parameterTypes[0]
                def flag = kind in [boolean, Boolean] && option.arity() in [-1, 0]
                option.names().each { found[it] = flag ? 'flag' : 'valued' }
            }
            member.getAnnotation(DynamicParameter)?.names()?.each { found[it] = 'dynamic' }
        }
    }
    return found
}

def out = System.out
System.setOut(System.err)
def tell = { out.println(JsonOutput.toJson(it)); out.flush() }
tell([run: table(CmdRun), nextflow: table(CliOptions)])
System.in.eachLine { line ->
    try {
        def launcher = new Launcher()
        launcher.parseMainArgs(new JsonSlurper().parseText(line) as String[])
        def run = launcher.command
        tell([words: run.args ?: [], resume: run.resume, params: run.@paramsFile,
            configuration: run.runConfig ?: [], script: run.mainScript, name: run.runName,
            report: run.withReport, stdin: run.stdin, help: run.help])
    }
    catch( Throwable e ) { tell([error: e.message ?: e.toString()]) }
}
"""

Launcher = Callable[[list[str]], dict[str, Any]]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    try:
        libraries = core.fetch(ROOT / "build" / "rehearsal") / "lib"
    except core.CoreUnavailable as reason:
        pytest.skip(str(reason))
    script = tmp_path_factory.mktemp("launcher") / "launcher.groovy"
    script.write_text(LAUNCHER)
    with subprocess.Popen(
        ["java", "-cp", f"{libraries}/*", "groovy.ui.GroovyMain", str(script)],
        cwd=script.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        yield running
        assert running.stdin
        running.stdin.close()


@pytest.fixture(scope="module")
def table(process: "subprocess.Popen[str]") -> dict[str, dict[str, str]]:
    assert process.stdout
    return dict(json.loads(process.stdout.readline()))


@pytest.fixture(scope="module")
def launcher(process: "subprocess.Popen[str]", table: dict[str, dict[str, str]]) -> Launcher:
    def parse(arguments: list[str]) -> dict[str, Any]:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(["run", *arguments]) + "\n")
        process.stdin.flush()
        return dict(json.loads(process.stdout.readline()))

    return parse


def _split(text: str) -> list[str]:
    """As Java does it: nothing that is empty at the end."""
    names = text.split(",")
    while text and names and not names[-1]:
        names.pop()
    return names


def ours(arguments: list[str]) -> dict[str, Any]:
    """The head's reading, in the launcher's words."""
    line = options.read(arguments)

    def last(*names: str) -> str | None:
        found = [option.value.text for option in line.find(*names) if option.value]
        return found[-1] if found else None

    configuration = [option.value for option in line.find("-c", "-config") if option.value]
    return {
        "words": [word.text for word in line.words],
        "resume": last("-resume"),
        "params": last("-params-file"),
        "configuration": [name for value in configuration for name in _split(value.text)],
        "script": last("-main-script"),
        "name": last("-name"),
        "report": last("-with-report"),
        "stdin": bool(line.find("-stdin")),
        "help": bool(line.find("-h", "-help")),
    }


def test_the_table_of_options_is_the_launchers(table: dict[str, dict[str, str]]) -> None:
    def of(kind: str) -> set[str]:
        return {name for name, its in table["run"].items() if its == kind}

    assert of("flag") == options.FLAGS
    assert of("valued") == options.VALUED - NEWER
    assert of("dynamic") == set(options.DYNAMIC)
    assert table["nextflow"].keys() - table["run"].keys() == options.LAUNCHERS


NAMES = sorted((options.FLAGS | options.VALUED) - NEWER)
VALUES = [
    *("hello", "s3://b/p", "last", "true", "run", "", " hello ", '"q"', "a b", "a,b", "ä", "1"),
    *("0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9", "run-0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9-a1"),
    *("-", "--", "-x", "-5", "-1e5", "-5.", "-a b", "-D", "-Da=b", "-q", "-C", "x y=z"),
    *("--x", "--x=1", "--x.y", "--x-y", "--é", "--x y", "--a\nb", "--5", "---x", "--x="),
    *("-process.cpus", "-process.cpus=2", "-process.", "-process", "-e.A=1", "-e.A"),
    *("-executor.b", "-executor.", "-cluster.c", "-cluster.c=d e"),
]


@settings(max_examples=1500, deadline=None)
@given(
    arguments=st.lists(
        st.one_of(
            st.sampled_from(VALUES),
            st.sampled_from(NAMES),
            st.sampled_from(["-resume", "-c", "-params-file", "-with-report", "-main-script"]),
            st.text("-ab 5=,.é\"'\n", max_size=6),
        ),
        max_size=8,
    )
)
def test_reads_whatever_nextflow_accepts_as_its_launcher_does(
    launcher: Launcher, arguments: list[str]
) -> None:
    theirs = launcher(arguments)

    if "error" not in theirs:
        assert ours(arguments) == theirs


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-c", "a,b", "-c", "-x", "p"], {"configuration": ["a", "b", "-x"], "words": ["p"]}),
        (["-config", "a", "p", "-c", "b"], {"configuration": ["a", "b"], "words": ["p"]}),
        (["-resume", "last", "p"], {"resume": "last", "words": ["p"]}),
        (["p", "-resume", "last"], {"resume": "last", "words": ["p"]}),
        (["-resume", "p"], {"resume": "last", "words": ["p"]}),
        (["-resume", "happy_euler", "p"], {"resume": "last", "words": ["happy_euler", "p"]}),
        (["--x", "-5", "p"], {"words": ["p"]}),
        (["--x", "-a b", "p"], {"words": ["p"]}),
        (["--x", "-5x", "p"], None),
        (["--flag", "p"], {"words": []}),
        (["--flag=1", "p"], {"words": ["p"]}),
        (["--flag", "-latest", "p"], {"words": ["p"]}),
        (["-params-file", "-x.json", "p"], {"params": "-x.json", "words": ["p"]}),
        (["-with-report", "-with-trace", "t", "p"], {"report": "-", "words": ["p"]}),
        (["-with-report", "r.html", "p"], {"report": "r.html", "words": ["p"]}),
        (["-with-docker", "p"], {"words": []}),
        (["p", "-with-docker"], {"words": ["p"]}),
        (["-without-podman", "p"], {"words": []}),
        (["-dump-hashes", "json", "p"], {"words": ["p"]}),
        (["-dump-hashes", "p"], {"words": []}),
        (["-dump-channels", "-N", "a@b", "-with-tower", "p"], {"words": []}),
        (["-e.A=1", "-process.cpus", "2", "-executor.x=y", "p"], {"words": ["p"]}),
        (["-process.cpus=2", "-cluster.x", "-E", "p"], {"words": ["p"]}),
        (["-stub", "p"], {"words": ["p"]}),
        (["p", "-stub"], {"words": ["p", "true"]}),
        (["-stub", "-r", "x", "p"], {"words": ["true", "p"]}),
        (["-test", "p"], {"words": []}),
        (["-cache", "false", "-hub", "gitlab", "-user", "me", "p"], {"words": ["p"]}),
        (["-w", "s3://b/w", "-bucket-dir", "s3://b/d", "-lib", "l", "p"], {"words": ["p"]}),
        (["-preview", "-offline", "-ansi-log", "false", "p"], {"words": ["p"]}),
        (["-entry", "A", "-main-script", "x.nf", "p"], {"script": "x.nf", "words": ["p"]}),
        (["-profile", "a,b", "-name", "n", "p"], {"name": "n", "words": ["p"]}),
        (["-"], {"stdin": True, "words": []}),
        (["-stdin"], {"stdin": True, "words": []}),
        (["-h"], {"help": True}),
        (["p", "-q"], None),
        (["p", "-C", "x"], None),
        (["p", "-profile test"], None),
    ],
)
def test_the_forms_that_people_write(
    launcher: Launcher, arguments: list[str], expected: dict[str, Any] | None
) -> None:
    theirs = launcher(arguments)

    assert ("error" in theirs) == (expected is None)
    if expected is not None:
        read = ours(arguments)
        assert read == theirs
        assert read == {**read, **expected}
