"""From where workers run, everything can be reached that they need, and nothing else that matters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

from nextflow_batch.endpoints import ENDPOINTS, SESSION_ENDPOINTS
from stacks import paths
from testbed.resources import only, properties, text
from testbed.synthesized import Templates, changed, of

SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:ecr-pullthroughcache/hub-aB3dE5"
ISOLATED = {
    "network": {"egress": "isolated"},
    "registries": {"docker_hub": SECRET, "quay": True},
    "storage": {"reference_buckets": ["lab-references"]},
}
MODES: dict[str, dict[str, Any]] = {
    "nat": {"network": {"egress": "nat"}},
    "public": {"network": {"egress": "public"}},
    "isolated": ISOLATED,
}

#: Who on a worker calls which services of AWS. The first three are read from the code as well; of
#: the others the sources are: ECS agent
#: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html, Docker
#: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html, Nextflow's awsbatch
#: executor docs/permissions.md.
SERVICES = {
    "boot": {"s3", "logs"},
    "worker": {"ec2", "ecs", "logs"},
    "head": {"s3", "batch"},
    "nextflow": {"s3", "batch", "logs"},
    "ECS agent": {"ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "logs"},
    "docker": {"ecr.dkr", "s3", "logs"},
    "task": {"s3"},
    "dnf": {"s3"},
}
#: What is read from which bucket; `data` is the deployment's own.
READS = {
    "boot": "cdk-hnb659fds-assets-<AWS::AccountId>-us-west-2/abc.zip",
    "docker": "prod-us-west-2-starport-layer-bucket/layer",
    "dnf": "al2023-repos-us-west-2-de612dc2/core/mirrors/latest/x86_64/mirror.list",
    "task": "data/_nextflow/runs/run-1/work/ab/.command.run",
    "head": "data/projects/main.nf",
}


def _workers_group(templates: Templates) -> dict[str, Any]:
    groups = properties(templates["batch"], "AWS::EC2::SecurityGroup")
    (found,) = [group for group in groups if group["GroupDescription"].startswith("Workers")]
    return found


@dataclass
class Place:
    """What instances of a deployment can reach, from its templates."""

    templates: Templates

    def _network(self, kind: str) -> dict[str, dict[str, Any]]:
        found = self.templates["batch"].find_resources(kind)
        return {name: entry["Properties"] for name, entry in found.items()}

    @property
    def _subnets(self) -> list[str]:
        """The workers' subnets, by their names in the template."""
        environments = properties(self.templates["batch"], "AWS::Batch::ComputeEnvironment")
        return [
            subnet["Ref"]
            for environment in environments
            for subnet in environment["ComputeResources"]["Subnets"]
        ]

    @property
    def _route_tables(self) -> set[str]:
        associations = self._network("AWS::EC2::SubnetRouteTableAssociation").values()
        return {
            entry["RouteTableId"]["Ref"]
            for entry in associations
            if entry["SubnetId"]["Ref"] in self._subnets
        }

    @property
    def https_leaves(self) -> bool:
        """Whether the workers' security group lets HTTPS out."""
        group = _workers_group(self.templates)
        return any(
            rule["CidrIp"] == "0.0.0.0/0"
            and (rule["IpProtocol"] == "-1" or rule["FromPort"] <= 443 <= rule["ToPort"])
            for rule in group["SecurityGroupEgress"]
        )

    @property
    def internet(self) -> bool:
        """Whether every worker has a way to the internet."""
        leading = {
            route["RouteTableId"]["Ref"]
            for route in self._network("AWS::EC2::Route").values()
            if route["DestinationCidrBlock"] == "0.0.0.0/0"
            and ("NatGatewayId" in route or self._public)
        }
        return self.https_leaves and self._route_tables <= leading

    @property
    def _public(self) -> bool:
        subnets = self._network("AWS::EC2::Subnet")
        return all(subnets[name]["MapPublicIpOnLaunch"] for name in self._subnets)

    def service(self, name: str) -> bool:
        """Whether a service can be called."""
        for endpoint in self._network("AWS::EC2::VPCEndpoint").values():
            if endpoint.get("ServiceName") == f"com.amazonaws.us-west-2.{name}":
                (group,) = endpoint["SecurityGroupIds"]
                return (
                    self.https_leaves
                    and endpoint["PrivateDnsEnabled"]
                    and self._lets_in(group["Fn::GetAtt"][0])
                )
        return self.internet

    def _lets_in(self, group: str) -> bool:
        rules = self._network("AWS::EC2::SecurityGroup")[group]["SecurityGroupIngress"]
        return any(
            rule["CidrIp"] == only(self.templates["batch"], "AWS::EC2::VPC")["CidrBlock"]
            and rule["FromPort"] == 443
            for rule in rules
        )

    def object(self, action: str, path: str) -> bool:
        """Whether an object in S3 of the region can be reached."""
        (endpoint,) = [
            entry
            for entry in self._network("AWS::EC2::VPCEndpoint").values()
            if entry["VpcEndpointType"] == "Gateway"
        ]
        tables = {table["Ref"] for table in endpoint["RouteTableIds"]}
        assert self._route_tables <= tables
        arn = f"arn:aws:s3:::{path}"
        return self.https_leaves and any(
            any(fnmatchcase(f"s3:{action}", pattern) for pattern in _list(entry["Action"]))
            and any(fnmatchcase(arn, _arn(pattern)) for pattern in _list(entry["Resource"]))
            for entry in endpoint["PolicyDocument"]["Statement"]
        )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _arn(resource: object) -> str:
    """A resource of the endpoint's policy; the deployment's bucket is called data."""
    return re.sub(r"<[\w:-]*StorageBucket\w*>", "arn:aws:s3:::data", text(resource))


@pytest.fixture(scope="module", params=MODES)
def place(request: pytest.FixtureRequest) -> Place:
    return Place(of(changed("default", **MODES[request.param])))


@pytest.fixture(scope="module")
def isolated() -> Place:
    return Place(of(changed("default", **ISOLATED)))


@pytest.mark.parametrize("program", SERVICES)
def test_every_program_reaches_the_services_that_it_calls(place: Place, program: str) -> None:
    unreachable = [name for name in SERVICES[program] - {"s3"} if not place.service(name)]

    assert unreachable == []


@pytest.mark.parametrize("program", READS)
def test_every_program_reaches_what_it_reads(place: Place, program: str) -> None:
    assert place.object("GetObject", READS[program])


def test_heads_and_tasks_write_their_data(place: Place) -> None:
    assert place.object("PutObject", "data/_nextflow/runs/run-1/work/ab/.exitcode")
    assert place.object("DeleteObject", "data/results/old.txt")


def test_nothing_is_written_to_buckets_that_the_settings_do_not_name(place: Place) -> None:
    assert not place.object("PutObject", "somebody-else/genome.bam")
    assert not place.object("PutObject", "lab-references/genome.fa")


def test_only_an_isolated_network_has_no_way_out() -> None:
    assert {mode: Place(of(changed("default", **MODES[mode]))).internet for mode in MODES} == {
        "nat": True,
        "public": True,
        "isolated": False,
    }


def test_an_isolated_network_reads_named_buckets_only(isolated: Place) -> None:
    assert isolated.object("GetObject", "lab-references/genome.fa")
    assert not isolated.object("GetObject", "somebody-else/genome.fa")


def test_an_isolated_network_has_no_gateway(isolated: Place) -> None:
    for kind in ("NatGateway", "InternetGateway", "EIP", "Route"):
        isolated.templates["batch"].resource_count_is(f"AWS::EC2::{kind}", 0)


def test_an_isolated_networks_instances_send_https_only(isolated: Place) -> None:
    rules = _workers_group(isolated.templates)["SecurityGroupEgress"]

    assert [(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in rules] == [
        ("tcp", 443, 443)
    ]


def test_every_endpoint_is_needed_by_somebody(isolated: Place) -> None:
    needed = set().union(*SERVICES.values()) - {"s3"}

    assert {endpoint.service for endpoint in ENDPOINTS} == needed
    made = {
        entry["ServiceName"].removeprefix("com.amazonaws.us-west-2.")
        for entry in properties(isolated.templates["batch"], "AWS::EC2::VPCEndpoint")
        if entry["VpcEndpointType"] == "Interface"
    }
    assert made == needed


def test_a_shell_needs_two_endpoints_more() -> None:
    place = Place(of(changed("default", **ISOLATED, worker={"session_manager": True})))

    for endpoint in SESSION_ENDPOINTS:
        assert place.service(endpoint.service)


def test_another_accounts_credentials_are_of_no_use_at_the_endpoints(isolated: Place) -> None:
    """Where AWS documents that an endpoint can have a policy."""
    for endpoint in ENDPOINTS:
        (found,) = [
            entry
            for entry in properties(isolated.templates["batch"], "AWS::EC2::VPCEndpoint")
            if entry.get("ServiceName") == f"com.amazonaws.us-west-2.{endpoint.service}"
        ]
        if endpoint.actions is None:
            assert "PolicyDocument" not in found
            continue
        for entry in found["PolicyDocument"]["Statement"]:
            account = entry["Condition"]["StringEquals"]["aws:PrincipalAccount"]
            assert text(account) == "<AWS::AccountId>"


def test_images_are_pulled_and_never_pushed_from_an_isolated_network(isolated: Place) -> None:
    for entry in properties(isolated.templates["batch"], "AWS::EC2::VPCEndpoint"):
        if ".ecr." in text(entry.get("ServiceName", "")):
            assert not re.search(
                "Put|Upload|Complete|\\*", str(entry["PolicyDocument"]["Statement"][0]["Action"])
            )


def test_the_workers_programs_come_from_the_bucket_that_the_policy_names(isolated: Place) -> None:
    data = only(isolated.templates["batch"], "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    match = re.search(r'"asset_bucket": ?"([^"]+)"', text(data["UserData"]))
    assert match

    bucket = match[1].replace("${AWS::AccountId}", "<AWS::AccountId>")
    assert isolated.object("GetObject", f"{bucket}/abc.zip")
    assert bucket == READS["boot"].partition("/")[0]


def test_the_services_of_the_code_are_those_of_the_table() -> None:
    boot = (paths.WORKER / "boot.sh").read_text()
    client = (paths.ROOT / "assets" / "aws_client" / "operations.go").read_text()
    head = "".join(file.read_text() for file in (paths.HEAD_IMAGE / "nextflow_head").rglob("*.py"))

    assert set(re.findall(r"\bsigned ([a-z0-9]+)\b", boot)) == SERVICES["boot"]
    assert set(re.findall(r'case "(\w+)":', client)) == SERVICES["worker"]
    assert set(re.findall(r'\.client\(\s*"(\w+)"', head)) == SERVICES["head"]


def test_an_existing_vpcs_way_out_is_its_own() -> None:
    subnets = [
        {"id": "subnet-11111111", "zone": "us-west-2a"},
        {"id": "subnet-22222222", "zone": "us-west-2b"},
    ]
    existing = {"vpc_id": "vpc-12345678", "subnets": subnets}
    templates = of(changed("workshop", network={"existing": existing}))

    rules = only(templates["batch"], "AWS::EC2::SecurityGroup")["SecurityGroupEgress"]
    assert [(rule["IpProtocol"], rule["CidrIp"]) for rule in rules] == [("-1", "0.0.0.0/0")]


def test_the_documented_endpoints_are_those_of_the_code() -> None:
    page = (paths.ROOT / "docs" / "network.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9.-]+)` \| ([^|]+) \|$", page, re.MULTILINE))

    assert rows == {
        endpoint.service: endpoint.users for endpoint in (*ENDPOINTS, *SESSION_ENDPOINTS)
    }


def test_the_documented_price_counts_every_endpoint_and_zone() -> None:
    page = " ".join((paths.ROOT / "docs" / "network.md").read_text("utf-8").split())
    match = re.search(r"(\d+) endpoints in (\d+) zones cost about \$(\d+) a month", page)
    assert match

    count, zones, dollars = map(int, match.groups())
    assert count == len(ENDPOINTS)
    assert dollars == round(count * zones * 0.01 * 730)
