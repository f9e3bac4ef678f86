"""What the settings accept, and the one line with which they refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from pydantic import BaseModel

from nextflow_batch import Scratch, regions
from stacks import paths, settings_file, settings_table, yaml_document, yaml_text
from stacks.settings import Settings
from stacks.settings_file import SettingsError, parse

GOOD: dict[str, Any] = {
    "deployment": "lab",
    "compute_environments": {
        "ondemand": {"purchase": "on-demand", "instance_types": ["m6i"]},
        "spot": {"purchase": "spot", "instance_types": ["m6i", "c6i.2xlarge"]},
        "arm": {
            "purchase": "on-demand",
            "instance_types": ["m7g", "c6gn", "im4gn.large"],
            "max_vcpus": 32,
        },
    },
    "queues": {
        "default": {"priority": 1, "compute_environments": ["spot", "ondemand"]},
        "arm": {"priority": 1, "compute_environments": ["arm"]},
    },
}


def _changed(key: str, value: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(GOOD))
    *parents, last = key.split(".")
    place = document
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return document


def test_names_the_settings_files_there_are(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").touch()

    with pytest.raises(SettingsError) as refused:
        settings_file.read(tmp_path, "../lab")

    assert str(refused.value) == "settings: '../lab' is not allowed: must be one of lab"


def test_accepts_what_is_good() -> None:
    settings = parse(yaml.safe_dump(GOOD), "lab.yaml")

    assert settings.compute_environments["arm"].architecture == "arm64"
    assert settings.region == "us-west-2"


def test_accepts_the_secrets_of_the_regions_partition() -> None:
    secret = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:"
    head = {"git_secret": f"{secret}a/b-aB3dE5", "seqera_secret": f"{secret}s-e@q_era-Zz9Yy8"}

    parse(yaml.safe_dump(_changed("head", head) | {"region": "us-gov-west-1"}), "lab.yaml")


@pytest.mark.parametrize(
    ("text", "attempts"),
    [("attempts: 010", 10), ("attempts: 0o10", 8), ("attempts: 0x0A", 10), ("attempts: 7 # x", 7)],
)
def test_numbers_are_those_of_yaml_1_2(text: str, attempts: int) -> None:
    settings = parse(
        f"{yaml.safe_dump(GOOD)}\nhead: {{{text.split(' #', maxsplit=1)[0]}}}", "lab.yaml"
    )

    assert settings.head.attempts == attempts


def test_a_number_with_the_tag_of_text_is_text() -> None:
    settings = parse(f"{yaml.safe_dump(GOOD)}\ntags: {{a: !!str 007}}", "lab.yaml")

    assert settings.tags == {"a": "007"}


def test_a_queue_may_be_called_on() -> None:
    """YAML 1.1 would take the word for true."""
    text = yaml.safe_dump(GOOD).replace("default:", "on:") + "\nhead: {task_queue: on}\n"

    assert list(parse(text, "lab.yaml").queues) == ["arm", "on"]


def test_anchors_and_merge_keys_are_understood() -> None:
    text = """\
deployment: lab
x-usual: &usual {purchase: spot, instance_types: &types [m6i], max_vcpus: 64}
compute_environments:
  spot: *usual
  ondemand: {<<: *usual, purchase: on-demand}
  other: {purchase: spot, instance_types: *types}
queues:
  default: {priority: 1, compute_environments: [spot, ondemand, other]}
"""

    environments = parse(text, "lab.yaml").compute_environments

    assert (environments["ondemand"].purchase, environments["ondemand"].max_vcpus) == (
        "on-demand",
        64,
    )
    assert environments["other"].instance_types == ("m6i",)


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("\n", "\r"), ("arm", "arm"), ("^", "\ufeff")])
def test_line_ends_and_byte_order_marks_do_not_matter(change: tuple[str, str]) -> None:
    text = yaml.safe_dump(GOOD)

    changed = change[1] + text if change[0] == "^" else text.replace(*change)

    assert parse(changed, "lab.yaml") == parse(text, "lab.yaml")


def test_a_region_with_two_zones_gets_two() -> None:
    settings = parse(yaml.safe_dump(GOOD | {"region": "us-west-1"}), "lab.yaml")

    assert settings.network.zones_in(settings.region) == 2


def test_the_regions_are_those_that_have_batch() -> None:
    session = botocore.session.get_session()
    known = {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("batch", partition_name=partition)
    }

    assert {region: regions.partition(region) for region in known} == known
    table = json.loads(regions.TABLE.read_text())
    assert {region for entry in table.values() for region in entry} == known.keys()


def test_the_zones_are_those_that_moto_knows() -> None:
    known = {region: len(zones) for region, zones in RegionsAndZonesBackend.zones.items()}

    assert {region: regions.zone_count(region) for region in known} == known | {"cn-north-1": 3}


@pytest.mark.parametrize(
    ("section", "most", "entry"),
    [
        ("tags", 40, "a"),
        ("compute_environments", 50, GOOD["compute_environments"]["spot"]),
        ("queues", 20, GOOD["queues"]["default"]),
    ],
)
def test_more_than_aws_takes_is_refused(section: str, most: int, entry: object) -> None:
    document = GOOD | {section: {f"name-{number}": entry for number in range(most + 1)}}

    with pytest.raises(SettingsError) as refused:
        parse(yaml.safe_dump(document), "lab.yaml")

    assert str(refused.value).endswith(f"… is not allowed: must have at most {most}")


def test_the_largest_sane_file_is_read() -> None:
    text = yaml.safe_dump(_largest())

    settings = parse(text, "lab.yaml")

    assert len(settings.compute_environments) == 50
    assert len(text.encode()) < yaml_text.MOST_BYTES / 2
    assert len(yaml_document.load(text.encode()).lines) < yaml_document.MOST_VALUES / 2


def _largest() -> dict[str, Any]:
    """As many as are allowed of all that has a number of them."""
    types = ["m6i", "c6i", "r6i", "m7i", "c7i", "r7i", "m6a", "c6a", "r6a", "m7a", "c7a", "r7a"]
    environments = {
        f"environment-of-a-long-name-{number:02}": {
            "purchase": "spot",
            "instance_types": types,
            "max_vcpus": 100_000,
            "bid_percentage": 100,
            "image_type": "ECS_AL2023",
        }
        for number in range(50)
    }
    names = list(environments)
    queues = {
        f"queue-of-a-long-name-that-somebody-wants-{number:02}": {
            "priority": number,
            "compute_environments": [names[3 * number % 50 + place] for place in range(2)]
            + [names[(3 * number + 2) % 50]],
        }
        for number in range(20)
    }
    return {
        "deployment": "lab",
        "tags": {f"a-key-of-a-tag-{number:02}": "and its value" for number in range(40)},
        "storage": {"reference_buckets": [f"{'genomes-' * 6}{number:02}" for number in range(20)]},
        "scratch": Scratch().model_dump(),
        "compute_environments": environments,
        "queues": queues,
        "head": {"task_queue": next(iter(queues))},
        "operations": {"email": "lab@example.org"},
    }


_WORDS = st.sampled_from(["deployment", "queues", "head", "spot", "storage", "default", "x"])
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.text(), inner, max_size=3)
    ),
    max_leaves=12,
)


def _keys(model: type[BaseModel], above: str = "") -> list[str]:
    """Every setting, with what GOOD calls the entries of mappings."""
    entries = {"compute_environments": ".spot", "queues": ".default"}
    found = []
    for name, field in model.model_fields.items():
        key = f"{above}{name}"
        found.append(key)
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found += _keys(inner, f"{key}{entries.get(name, '')}.")
    return found


@given(st.sampled_from([*_keys(Settings), "nonsense", "tags.x", "network.existing.x"]), _VALUES)
def test_no_value_ends_in_a_traceback(key: str, value: object) -> None:
    _parses_or_refuses(yaml.safe_dump(_changed(key, value)))


@given(st.dictionaries(st.sampled_from(_keys(Settings)), _VALUES, min_size=2, max_size=5))
def test_no_values_together_end_in_a_traceback(values: dict[str, object]) -> None:
    document: dict[str, Any] = json.loads(json.dumps(GOOD))
    for key, value in values.items():
        *parents, last = key.split(".")
        place = document
        for parent in parents:
            if not isinstance(place.get(parent), dict):
                place[parent] = {}
            place = place[parent]
        place[last] = value
    _parses_or_refuses(yaml.safe_dump(document))


@given(st.integers(0, len(yaml.safe_dump(GOOD))), st.text(max_size=8), st.integers(0, 12))
def test_no_slip_of_the_pen_ends_in_a_traceback(place: int, text: str, cut: int) -> None:
    good = yaml.safe_dump(GOOD)

    _parses_or_refuses(good[:place] + text + good[place + cut :])


@given(st.binary(max_size=200))
def test_no_bytes_end_in_a_traceback(data: bytes) -> None:
    _parses_or_refuses(data)


def _parses_or_refuses(text: str | bytes) -> None:
    try:
        parse(text, "lab.yaml")
    except SettingsError as refused:
        lines = str(refused).split("\n")
        assert all(re.match(r"lab\.yaml:\d+: ", line) and line.isprintable() for line in lines)


@given(st.text())
@example("? {a: b}\n: c")
@example("!!python/object:os.system {}")
@example("a: 2026-11-23\n1: 2")
@example("\x00")
@example("{" * 3000)
def test_no_text_ends_in_a_traceback(text: str) -> None:
    _parses_or_refuses(text)


@pytest.mark.parametrize("file", sorted(paths.SETTINGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_settings_file_is_good(file: Path) -> None:
    settings_file.read(paths.SETTINGS, file.stem)


def test_the_editors_schema_is_the_models() -> None:
    shipped = json.loads((paths.SETTINGS / "schema.json").read_text())

    assert shipped == Settings.model_json_schema(), "run `make schema`"


def test_the_page_of_settings_is_the_models() -> None:
    shipped = (paths.ROOT / "docs" / "settings.md").read_text()

    assert shipped == settings_table.page(), "run `make schema`"


def test_each_setting_has_a_row_with_a_meaning() -> None:
    schema = Settings.model_json_schema()
    models = [schema, *schema["$defs"].values()]
    names = {name for model in models for name in model.get("properties", {})}
    rows = re.findall(r"^\| `([\w.\[\]]+)` \| .+ \| .+ \| (.*) \|$", settings_table.page(), re.M)

    sections = re.findall(r"^## (\w+)$", settings_table.page(), re.M)
    assert {key.rpartition(".")[2] for key, _ in rows} | {*sections} == names
    assert [key for key, meaning in rows if not meaning] == []


@pytest.mark.parametrize(("name", "queue"), [("workshop", "default"), ("default", "heads")])
def test_heads_go_to_their_own_queue_where_there_is_one(name: str, queue: str) -> None:
    settings = settings_file.read(paths.SETTINGS, name)

    submit_queue = settings.head.submit_queue(settings.queues, settings.compute_environments)
    assert submit_queue == queue


def test_a_copy_that_still_has_the_originals_name_is_remarked(tmp_path: Path) -> None:
    text = yaml.safe_dump(GOOD)
    settings = parse(text, "settings/copy.yaml")

    assert settings_file.name_warning("lab", settings) is None
    assert settings_file.name_warning("copy", settings) == (
        "Warning: settings/copy.yaml: deployment: lab differs from the file's name: the stacks are"
        " nextflow-lab-*"
    )
