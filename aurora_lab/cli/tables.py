"""The region's state as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

GOOD = frozenset({"available", "running"})
BAD = frozenset({"failed", "stopped", "storage-full", "inaccessible-encryption-credentials"})


def show_status(state: Mapping[str, Any], console: Console) -> None:
    """Print what `/_lab/status` answered."""
    console.print(_summary(state))
    clusters = state.get("clusters") or []
    if not clusters:
        console.print("There is no cluster yet. Make one with `aws rds create-db-cluster`, or open a lesson.")
    for cluster in clusters:
        console.print()
        _show_cluster(cluster, console)


def megabytes(size: object) -> str:
    """Bytes as whole megabytes, or a dash where they are not known."""
    return f"{size / 2**20:.0f} MB" if isinstance(size, int | float) else "-"


def _summary(state: Mapping[str, Any]) -> Table:
    rows = Table.grid(padding=(0, 2))
    reason = f" ({state['runtime_reason']})" if state.get("runtime_reason") else ""
    rows.add_row("Region", f"{state.get('region')} at {state.get('url')}, process {state.get('pid')}")
    rows.add_row("Runtime", f"{state.get('runtime')}{reason}, PostgreSQL {state.get('postgresql')}")
    rows.add_row("Lab clock", f"{_clock(state)}documented durations pass {state.get('scale'):g} times faster")
    servers = sum(
        instance.get("memory_bytes") or 0
        for cluster in state.get("clusters") or []
        for instance in cluster.get("instances") or []
    )
    rows.add_row("Memory", f"region {megabytes(state.get('memory_bytes'))}, servers {megabytes(servers)}")
    rows.add_row("Endpoints", f"every name leads to {state.get('address')}:{state.get('port')}")
    return rows


def _clock(state: Mapping[str, Any]) -> str:
    return f"{state['clock']}, " if state.get("clock") else ""


def _show_cluster(cluster: Mapping[str, Any], console: Console) -> None:
    title = Text.assemble(
        ("Cluster ", "bold"),
        (str(cluster["id"]), "bold cyan"),
        f"  Aurora PostgreSQL {cluster.get('engine_version')}  ",
        _status(cluster.get("status")),
    )
    console.print(title)
    ends = Table.grid(padding=(0, 2))
    ends.add_row("  writer endpoint", f"{cluster.get('endpoint')}:{cluster.get('port')}")
    ends.add_row("  reader endpoint", str(cluster.get("reader_endpoint")))
    for custom in cluster.get("custom") or []:
        ends.add_row("  custom endpoint", str(custom.get("endpoint")))
    console.print(ends)
    instances = cluster.get("instances") or []
    if not instances:
        console.print("  It has no instance yet. Add one with `aws rds create-db-instance`.")
        return
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for heading in ("instance", "role", "status", "AZ", "tier", "class", "server"):
        table.add_column(heading, justify="right" if heading == "tier" else "left")
    table.add_column("lag", justify="right")
    table.add_column("memory", justify="right")
    for instance in instances:
        table.add_row(
            str(instance["id"]),
            Text(str(instance.get("role")), style="bold" if instance.get("role") == "writer" else ""),
            _status(instance.get("status")),
            str(instance.get("az") or "-"),
            str(instance.get("tier", "-")),
            str(instance.get("class") or "-"),
            _status(instance.get("server")),
            _lag(instance),
            megabytes(instance.get("memory_bytes")),
        )
    console.print(table)


def _status(word: object) -> Text:
    style = "green" if word in GOOD else "red" if word in BAD else "yellow"
    return Text(str(word), style=style)


def _lag(instance: Mapping[str, Any]) -> str:
    lag = instance.get("lag_ms")
    if instance.get("role") == "writer" or lag is None:
        return "-"
    return f"{lag:.0f} ms"
