"""`nfbatch cost`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfbatch import cost as costs
from nfbatch import (
    deployment,
    month,
    options,
    output,
    process_cost,
    record,
    run,
    run_usage,
    storage,
    tasks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nfbatch.cost import Cost
    from nfbatch.month import RunOfMonth
    from nfbatch.process_cost import ProcessCost
    from nfbatch.storage import Stored

_TYPES_SHOWN = 4
_GIB = 1024**3


def cost(
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN|YYYY-MM",
            help="Id or name of a run, or the beginning of one; - is the last run. With --month,"
            " the month.",
            show_default=False,
        ),
    ] = "-",
    of_month: Annotated[
        bool,
        typer.Option("--month", help="All runs that started in a month; default: this month."),
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Estimate what a run cost, and what its tasks should ask for.

    [bold]Examples[/]
    $ nfbatch cost
    $ nfbatch cost rnaseq-x7k2 --json
    $ nfbatch cost --month 2026-11
    """
    aws = options.connect(profile, region)
    if of_month:
        start, end = month.bounds(None if name == "-" else name)
        target = deployment.find(aws, deployment_name)
        _show_month(f"{start:%Y-%m}", month.runs(aws, target, start, end), as_json=as_json)
        return
    target = deployment.find(aws, deployment_name)
    head = run.find(aws, target, name)
    known = record.read(aws, head.logs(target))
    found = costs.estimate(aws, target, run_usage.collect(aws, target, head, known))
    stored = storage.measure(aws, tasks.work_directory(target, head, known))
    processes = process_cost.by_process(found)
    if as_json:
        answer = {"id": head.id, "name": head.name, "state": head.state, **_json(found)}
        answer["stored_bytes"] = stored.bytes
        answer["stored_usd_month"] = _monthly(found, stored)
        answer["processes"] = [each.as_json() for each in processes]
        output.print_json(answer)
        return
    printer = output.console()
    printer.print(output.pairs([("Run", f"{head.name} ({head.id})"), *_rows(found, stored)]))
    print()
    _show_processes(processes)
    for line in _advice(processes):
        print(line)
    print()
    output.print_paragraph(found.trust)
    output.print_paragraph(f"Not in it: {costs.NOT_INCLUDED}.")


def _rows(found: Cost, stored: Stored) -> Iterator[tuple[str, str]]:
    yield "Cost", summary(found)
    for title, is_spot in (("  Spot", True), ("  On-Demand", False)):
        parts = found.bought(is_spot=is_spot)
        if parts:
            hours: defaultdict[str, float] = defaultdict(float)
            for part in parts:
                hours[part.type + ("" if part.is_known else "?")] += part.hours
            most = sorted(hours.items(), key=lambda item: -item[1])
            shown = [f"{type_} {count:.1f} h" for type_, count in most[:_TYPES_SHOWN]]
            more = [f"{len(most) - _TYPES_SHOWN} more types"] if len(most) > _TYPES_SHOWN else []
            money = output.money(sum(part.usd for part in parts))
            yield title, f"{money}: {', '.join(shown + more)}"
    monthly = _monthly(found, stored)
    size = f"{'' if stored.is_all else 'more than '}{stored.bytes / _GIB:,.1f} GiB"
    price = "" if monthly is None else f", {output.money(monthly)} a month until it is deleted"
    yield "Work", f"{size} in S3{price}"
    if found.unpriced:
        yield "Unknown", f"{len(found.unpriced):,} tasks, of which too little is known"


def summary(found: Cost) -> str:
    """A cost in a line.

    Args:
        found: The cost.
    """
    saved = found.on_demand_usd - found.usd
    if found.on_demand_usd and saved / found.on_demand_usd > 0.005:  # noqa: PLR2004 - half a percent
        share = f"{saved / found.on_demand_usd:.0%}"
        money = output.money(found.on_demand_usd)
        return f"{output.money(found.usd)} (On-Demand {money}: Spot saved {share})"
    return output.money(found.usd)


def _monthly(found: Cost, stored: Stored) -> float | None:
    price = found.rates.table.s3_gib_month
    return None if price is None else stored.bytes / _GIB * price


def _json(found: Cost) -> dict[str, Any]:
    table = found.rates.table
    return {
        "usd": found.usd,
        "spot_usd": sum(part.usd for part in found.bought(is_spot=True)),
        "on_demand_usd": sum(part.usd for part in found.bought(is_spot=False)),
        "if_on_demand_usd": found.on_demand_usd,
        "unpriced_tasks": len(found.unpriced),
        "prices": {"region": table.region, "published": table.published, "source": table.source},
        "trust": found.trust,
        "not_included": costs.NOT_INCLUDED,
    }


def _show_processes(processes: list[ProcessCost]) -> None:
    rows = [
        (
            each.process,
            f"{each.tasks:,}",
            f"{sum(part.hours for part in each.parts):.1f}",
            output.money(each.usd),
            "-" if each.wasted_usd is None else output.money(each.wasted_usd),
            f"{each.cpus:g}",
            "-" if each.cpus_used is None else f"{each.cpus_used:.1f}",
            f"{each.memory_mib / 1024:.1f}",
            "-" if each.peak_mib is None else f"{each.peak_mib / 1024:.1f}",
        )
        for each in processes
    ]
    columns = ("PROCESS", "TASKS", "HOURS", "COST", "WASTED", "CPUS", "USED", "GIB", "PEAK")
    output.print_table(columns, rows, "PROCESS")


def _advice(processes: list[ProcessCost]) -> Iterator[str]:
    advised = [each for each in processes if each.suggestion]
    if not advised:
        return
    saved = sum(each.suggestion.saved_usd for each in advised if each.suggestion)
    yield f"\nIn a configuration (-c), this would have saved about {output.money(saved)}:"
    yield "process {"
    for each in advised:
        yield f"    withName: '{each.process}' {{ {each.suggestion} }}"
    yield "}"


def _show_month(name: str, found: list[RunOfMonth], *, as_json: bool) -> None:
    total = sum(each.cost.usd for each in found)
    if as_json:
        runs = [
            {"id": each.id, "name": each.name, "state": each.record["state"], **_json(each.cost)}
            for each in found
        ]
        output.print_json({"month": name, "usd": total, "runs": runs})
        return
    rows = [
        (
            each.name,
            output.local_time(each.record["started"]),
            str(sum(each.record.get("tasks", {}).values())),
            *(
                output.money(sum(part.usd for part in each.cost.bought(is_spot=is_spot)))
                for is_spot in (True, False)
            ),
            output.money(each.cost.usd),
            output.money(each.cost.on_demand_usd),
            each.id[:8],
        )
        for each in found
    ]
    columns = ("RUN", "STARTED", "TASKS", "SPOT", "ON-DEMAND", "COST", "IF ON-DEMAND", "ID")
    output.print_table(columns, rows, "RUN")
    print(f"{name}: {output.money(total)} for {len(found)} runs")
    forgotten = sum(each.head is None for each in found)
    unknown = sum(len(each.cost.unpriced) for each in found)
    if forgotten:
        output.print_paragraph(
            f"Batch has forgotten {forgotten} of them: these are without their heads, and as if all"
            " tasks had run in the first compute environment of their queue."
        )
    if unknown:
        output.print_paragraph(f"{unknown:,} tasks are not in it: too little is known of them.")
    if found:
        output.print_paragraph(found[-1].cost.trust)
    output.print_paragraph(f"Not in it: {costs.NOT_INCLUDED}.")
