"""The region's state as a person reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aurora_lab.view.words import position

WIDE = 100
"""Characters a line from which on every column is shown."""
NUMBERS = frozenset({"tier", "ACUs", "lag", "memory"})
"""Columns with figures."""
GOOD = frozenset({"available", "running", "synchronous", "in-sync"})
BAD = frozenset(
    {
        *("killed", "paused", "cut", "destroyed", "failed", "stopped"),
        *("storage-full", "inaccessible-encryption-credentials"),
    }
)


def show_status(state: Mapping[str, Any], console: Console) -> None:
    """Print what `/_lab/status` answered."""
    console.print(_summary(state))
    clusters, databases = state.get("clusters") or [], state.get("databases") or []
    if not clusters and not databases:
        console.print("There is no cluster yet. Make one with `aws rds create-db-cluster`, or open a lesson.")
    for cluster in clusters:
        console.print()
        _show_cluster(cluster, console)
    if databases:
        console.print()
        console.print(Text("RDS DB instances", "bold"))
        for database in databases:
            console.print(f"  endpoint  {database.get('endpoint') or '-'}  port {database.get('port')}")
        console.print(_databases(databases))


def megabytes(size: object) -> str:
    """Bytes as whole megabytes, or a dash where they are not known."""
    return f"{size / 2**20:.0f} MB" if isinstance(size, int | float) else "-"


def _summary(state: Mapping[str, Any]) -> Table:
    rows = Table.grid(padding=(0, 2))
    # The reason begins with the runtime's name.
    runtime = state.get("runtime_reason") or state.get("runtime")
    rows.add_row("Region", f"{state.get('region')} at {state.get('url')}, process {state.get('pid')}")
    rows.add_row("Runtime", f"{runtime}; PostgreSQL {state.get('postgresql')}")
    rows.add_row("Lab clock", f"{_clock(state)}documented durations pass {state.get('scale'):g} times faster")
    databases = state.get("databases") or []
    everybody = [
        *(instance for cluster in state.get("clusters") or [] for instance in cluster.get("instances") or []),
        *databases,
        *(item["standby"] for item in databases if item.get("standby")),
    ]
    servers = sum(item.get("memory_bytes") or 0 for item in everybody)
    rows.add_row("Memory", f"region {megabytes(state.get('memory_bytes'))}, servers {megabytes(servers)}")
    rows.add_row("Endpoints", f"every name leads to {state.get('address')}:{state.get('port')}")
    return rows


def _clock(state: Mapping[str, Any]) -> str:
    clock = str(state.get("clock") or "")
    return f"{clock[:10]} {clock[11:19]} UTC, " if clock else ""


def _show_cluster(cluster: Mapping[str, Any], console: Console) -> None:
    title = Text.assemble(
        ("Cluster ", "bold"),
        (str(cluster["id"]), "bold cyan"),
        f"  Aurora PostgreSQL {cluster.get('engine_version')}  ",
        _status(cluster.get("status")),
    )
    console.print(title)
    console.print(f"  writer endpoint  {cluster.get('endpoint')}  port {cluster.get('port')}")
    console.print(f"  reader endpoint  {cluster.get('reader_endpoint')}")
    for custom in cluster.get("custom") or []:
        console.print(f"  custom endpoint  {custom.get('endpoint')}")
    instances = cluster.get("instances") or []
    if instances:
        console.print(_instances(instances, wide=console.width >= WIDE))
        _say_what_is_not_enforced(instances, console)
    else:
        console.print("  It has no instance yet. Add one with `aws rds create-db-instance`.")
    if volume := cluster.get("volume"):
        _show_volume(volume, console)


def _say_what_is_not_enforced(instances: list[Mapping[str, Any]], console: Console) -> None:
    running = [item for item in instances if item.get("serverless") and item.get("server") == "running"]
    if any(not item["serverless"]["enforced"] for item in running):
        console.print(
            "  ACUs are measured and billed, but not enforced: "
            "a server that is no container may use all of this machine."
        )


def _show_volume(volume: Mapping[str, Any], console: Console) -> None:
    """The storage nodes and what they say together: quorum, positions, each node."""
    nodes = volume.get("nodes") or []
    idle = all(node.get("state") == "idle" for node in nodes)
    in_sync = sum(node.get("state") == "in-sync" for node in nodes)
    if idle:
        said = Text("no writer runs; the storage nodes keep the log", "yellow")
    elif volume.get("write_quorum"):
        said = Text(f"{in_sync} of {len(nodes)} storage nodes in sync, commits go on", "green")
    else:
        said = Text(f"{in_sync} of {len(nodes)} storage nodes in sync, 4 are needed: commits wait", "red")
    if not volume.get("read_quorum"):
        said.append("; no read quorum: a writer that fails now cannot be replaced", "red")
    console.print(Text.assemble("  volume  ", said, f", epoch {volume.get('epoch')}"))
    # One protection group: PGCL and VCL are one.
    reached = f"PGCL = VCL {position(volume.get('vcl'))}, VDL {position(volume.get('vdl'))}"
    memory = megabytes(sum(node.get("memory_bytes") or 0 for node in nodes))
    console.print(f"          {reached}; memory {memory}")
    for zone in [] if idle else sorted({str(node.get("az")) for node in nodes}):
        shown = Text(f"          {zone}")
        for node in nodes:
            if node.get("az") == zone:
                shown.append(f"  {node['id']} ")
                shown.append_text(_status(node.get("state")))
                shown.append(f" {position(node.get('scl'))}")
        console.print(shown)


def _instances(instances: list[Mapping[str, Any]], wide: bool) -> Table:
    columns: list[tuple[str, Callable[[Mapping[str, Any]], str | Text]]] = [
        ("instance", lambda item: str(item["id"])),
        ("role", lambda item: Text(str(item.get("role")), "bold" if item.get("role") == "writer" else "")),
        ("status", lambda item: _status(item.get("status"))),
        ("AZ", lambda item: str(item.get("az") or "-")),
        ("tier", lambda item: str(item.get("tier", "-"))),
        ("class", lambda item: str(item.get("class") or "-")),
        ("server", _server),
        ("lag", _lag),
        ("memory", lambda item: megabytes(item.get("memory_bytes"))),
    ]
    if any(item.get("serverless") for item in instances):
        columns.insert(-2, ("ACUs", _acus))
    shown = [column for column in columns if wide or column[0] not in ("AZ", "class")]
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="dim")
    for heading, _ in shown:
        table.add_column(heading, justify="right" if heading in NUMBERS else "left")
        table.columns[-1].overflow = "fold"
    for item in instances:
        table.add_row(*(cell(item) for _, cell in shown))
    return table


def _databases(databases: list[Mapping[str, Any]]) -> Table:
    """One row for each server: a standby has no name, and is shown below its instance."""
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="dim")
    for heading in ("instance", "role", "status", "AZ", "class", "server", "lag", "memory"):
        table.add_column(
            heading, justify="right" if heading in ("lag", "memory") else "left", overflow="fold"
        )
    for item in databases:
        role = f"replica of {item['source']}" if item.get("source") else "primary"
        _database_row(table, item, str(item["id"]), role, _status(item.get("status")))
        if standby := item.get("standby"):
            state = "synchronous" if standby["synchronous"] else "being made"
            _database_row(
                table, {**standby, "class": item.get("class")}, "", "standby, serves nobody", _status(state)
            )
    return table


def _database_row(table: Table, item: Mapping[str, Any], name: str, role: str, status: Text) -> None:
    lag = item.get("lag_ms")
    table.add_row(
        name,
        role,
        status,
        str(item.get("az") or "-"),
        str(item.get("class") or "-"),
        _status(item.get("server")),
        "-" if lag is None else f"{lag:.0f} ms",
        megabytes(item.get("memory_bytes")),
    )


def _status(word: object) -> Text:
    style = "green" if word in GOOD else "red" if word in BAD else "yellow"
    return Text(str(word), style=style)


def _server(instance: Mapping[str, Any]) -> Text:
    """A serverless instance that is paused is as it should be."""
    pause = (instance.get("serverless") or {}).get("pause")
    return Text(str(pause), "yellow") if pause else _status(instance.get("server"))


def _acus(instance: Mapping[str, Any]) -> str:
    """What a serverless instance has, and what of."""
    found = instance.get("serverless")
    return f"{found['acus'] or 0:g} of {found['max']:g}" if found else "-"


def _lag(instance: Mapping[str, Any]) -> str:
    lag = instance.get("lag_ms")
    if instance.get("role") == "writer" or lag is None:
        return "-"
    return f"{lag:.0f} ms"
