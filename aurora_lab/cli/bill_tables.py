"""Bills as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aurora_lab.models.bill import MONTH_HOURS, SECTIONS, Bill, Line
from aurora_lab.models.break_even import BreakEven
from aurora_lab.models.money import shown
from aurora_lab.view.bill_picture import ios

BAR_WIDTH = 30
WIDE = 90
"""Characters a line from which on prices and facts are shown."""
SMALL = Fraction(1)
"""Dollars below which six places are shown."""


def show_bill(bill: Bill, console: Console) -> None:
    """Print a bill: its lines by section, its total, what it lacks."""
    length = float(bill.hours)
    months = f" ({length / MONTH_HOURS:.3g} of a month of 730 h)" if length >= MONTH_HOURS / 10 else ""
    said = f"{length:,.4g} h{months}" if length >= 10 else f"{length * 60:.1f} min"
    console.print(Text.assemble((bill.title, "bold cyan"), f"  {said}"))
    if bill.lines:
        console.print(_lines(bill, console.width >= WIDE))
        console.print(_sections(bill))
    else:
        console.print(Text.assemble("  Nothing is billed. Total ", (shown(bill.total), "bold")))
    for missing in bill.not_measured:
        console.print(Text.assemble(("  not measured  ", "yellow"), f"{missing}: not on this bill"))
    for note in bill.notes:
        console.print(Text(f"  note  {note}", "dim"))


def show_prices(bills: Iterable[Bill], console: Console) -> None:
    """Print where the prices are from."""
    prices = {line.price.item: line.price for bill in bills for line in bill.lines}.values()
    dates = ", ".join(sorted({price.date for price in prices}))
    regions = ", ".join(sorted({bill.region for bill in bills}))
    if dates:
        console.print(
            Text(f"Prices of {regions}, on demand, without tax, read {dates}. Check them today.", "dim")
        )


def show_break_even(found: BreakEven, console: Console) -> None:
    """Print both storage types, and where they cost the same."""
    console.print(Text("Standard or I/O-Optimized?", "bold"))
    fine = max(found.standard.total, found.io_optimized.total) < SMALL
    rows = Table.grid(padding=(0, 2))
    rows.add_row("  Standard", shown(found.standard.total, fine))
    rows.add_row("  I/O-Optimized", shown(found.io_optimized.total, fine))
    console.print(rows)
    if not found.io_spend:
        console.print("  There is nothing whose price differs.")
        return
    terms = " + ".join(f"{shown(cost, fine)} {name}" for name, cost in found.terms.items())
    console.print(
        f"  I/O-Optimized is dearer by {terms} = {shown(found.io_spend, fine)}, and has no charge for I/O."
    )
    console.print(
        f"  Both cost the same at {ios(found.ios)} I/Os ({float(found.ios_a_second):,.3g} a second), when I/O is "
        f"{float(found.share):.1%} of compute, storage and I/O [8.37]. Most of that: {found.driver}."
    )
    for note in found.io_optimized.notes:
        if note not in found.standard.notes:
            console.print(Text(f"  note  {note}", "dim"))
    if found.standard.not_measured:
        console.print("  Which is cheaper here cannot be said: not everything was measured.")
    elif found.saved:
        which = "I/O-Optimized" if found.saved > 0 else "Standard"
        console.print(f"  Here {which} is cheaper, by {shown(abs(found.saved), fine)}.")
    else:
        console.print("  Here both cost the same.")


def show_comparison(bills: Sequence[Bill], console: Console) -> None:
    """Print the totals side by side."""
    console.print(Text("Side by side", "bold"))
    most = max(bill.total for bill in bills) or Fraction(1)
    rows = Table.grid(padding=(0, 2))
    for bill in bills:
        unknown = " and what was not measured" if bill.not_measured else ""
        rows.add_row(f"  {bill.title}", bar(bill.total / most), shown(bill.total) + unknown)
    console.print(rows)


def bar(share: Fraction) -> str:
    """A bar of text; at least a sliver where there is something."""
    eighths = round(share * BAR_WIDTH * 8)
    full, rest = divmod(max(eighths, 1 if share else 0), 8)
    return "█" * full + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]


def _lines(bill: Bill, wide: bool) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="dim")
    several = len({line.of for line in bill.lines}) > 1
    fine = bill.total < SMALL
    headings = ["what", "for", "quantity", "unit", "price", "amount", "fact"]
    kept = [
        name for name in headings if (wide or name not in ("price", "fact")) and (several or name != "for")
    ]
    for name in kept:
        right = name in ("quantity", "price", "amount")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for line in bill.lines:
        cells = _cells(line, fine)
        table.add_row(*(cells[name] for name in kept))
    total = {"what": Text("total", "bold"), "amount": Text(shown(bill.total, fine), "bold")}
    table.add_row(*(total.get(name, Text()) for name in kept))
    return table


def _cells(line: Line, fine: bool) -> dict[str, Text]:
    many = f" ({len(line.names)} instances)" if len(line.names) > 1 else ""
    cells = {
        "what": line.what + many,
        "for": line.of,
        "quantity": _quantity(line.quantity),
        "unit": line.price.unit,
        "price": f"${line.price.price.normalize():f}",
        "amount": shown(line.cost, fine),
        "fact": f"[{line.price.fact}]" if line.price.fact else "",
    }
    return {name: Text(said) for name, said in cells.items()}


def _quantity(amount: Fraction) -> str:
    if amount >= 10:
        return f"{float(amount):,.2f}"
    return f"{float(amount):.4g}" if amount >= Fraction(1, 1000) else f"{float(amount):.8f}"


def _sections(bill: Bill) -> Table:
    rows = Table.grid(padding=(0, 2))
    for name in SECTIONS:
        if cost := bill.section(name):
            share = cost / bill.total
            rows.add_row(f"  {name}", bar(share), f"{float(share):.1%}")
    return rows
