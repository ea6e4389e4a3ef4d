"""Bills as SVG. Pure: what each design costs, by section, and where Standard and I/O-Optimized cross."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from html import escape
from types import MappingProxyType
from typing import Final

from aurora_lab.models.bill import SECTIONS, Bill
from aurora_lab.models.break_even import BreakEven
from aurora_lab.models.money import shown
from aurora_lab.view.image import image
from aurora_lab.view.picture import DIM, GROUND, INK, THEME

WIDTH = 760
LEFT, RIGHT = 130, 110
BAR, GAP = 26, 14
CHART_HEIGHT = 220
BEYOND = Fraction(9, 5)
"""How far the chart goes beyond the crossing."""
COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    dict(
        zip(
            SECTIONS,
            ("#4a84d8", "#2f9e77", "#d4682a", "#9a72d8", "#d64560", "#b8892b", "#8a919c"),
            strict=True,
        )
    )
)
STANDARD, OPTIMIZED = "#d4682a", "#4a84d8"


def bill_svg(bills: Sequence[Bill], compared: BreakEven | None = None) -> str:
    """One bar a bill, all on one scale; below, both storage types over the I/Os, where they were compared."""
    parts, top = [*_bars(bills)], 44.0 + len(bills) * (BAR + GAP) + 34
    if compared is not None and compared.io_spend:
        parts.append(f"<g transform='translate(0 {top:g})'>{''.join(_crossing(compared))}</g>")
        top += CHART_HEIGHT + 90
    title = escape(", ".join(bill.title for bill in bills))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {top:g}' width='{WIDTH}' height='{top:g}' "
        f"role='img' style=\"max-width:100%;height:auto;{THEME}\" "
        f"font-family='system-ui, sans-serif'><title>Bill of {title}</title>"
        f"<rect width='{WIDTH}' height='{top:g}' rx='8' fill='{GROUND}'/>"
        f"{''.join(parts)}</svg>\n"
    )


def bill_image(bills: Sequence[Bill], compared: BreakEven | None = None) -> str:
    """The same as HTML for a notebook. The amounts are told beside it, not by it alone."""
    titles = ", ".join(bill.title for bill in bills)
    return image(bill_svg(bills, compared), WIDTH, f"bill of {titles}")


def _bars(bills: Sequence[Bill]) -> Iterator[str]:
    hours = float(bills[0].hours)
    yield _text(LEFT, 26, f"Dollars in {hours:,.4g} h, by what they are for", 14, INK, bold=True)
    most = max((bill.total for bill in bills), default=Fraction(0)) or Fraction(1)
    room = WIDTH - LEFT - RIGHT
    top = 44.0
    for bill in bills:
        yield _text(LEFT - 10, top + BAR * 0.7, _short(bill.title), 13, INK, anchor="end")
        x = float(LEFT)
        for name, cost in bill.sections().items():
            width = float(cost / most) * room
            yield (
                f"<rect x='{x:.1f}' y='{top:g}' width='{width:.1f}' height='{BAR}' fill='{COLOURS[name]}'>"
                f"<title>{escape(name)} {_money(cost)}</title></rect>"
            )
            x += width
        yield _text(x + 8, top + BAR * 0.7, _money(bill.total), 13, INK)
        top += BAR + GAP
    x = float(LEFT)
    for name in [each for each in SECTIONS if any(bill.section(each) for bill in bills)]:
        yield f"<rect x='{x:g}' y='{top + 2:g}' width='11' height='11' fill='{COLOURS[name]}'/>"
        yield _text(x + 16, top + 12, name, 12, DIM)
        x += 34 + 7 * len(name)


def _crossing(compared: BreakEven) -> Iterator[str]:
    """Standard rises with the I/Os, I/O-Optimized does not; the point is where they are the same."""
    level, spent = compared.io_optimized.total, compared.spent
    fixed = compared.standard.total - spent
    widest = max(compared.io_spend * BEYOND, spent * Fraction(11, 10))
    highest = max(fixed + widest, level) * Fraction(21, 20)
    room, base = WIDTH - LEFT - RIGHT, CHART_HEIGHT + 30.0

    def at(spend: Fraction, cost: Fraction) -> tuple[float, float]:
        return LEFT + float(spend / widest) * room, base - float(cost / highest) * CHART_HEIGHT

    yield _text(LEFT, 14, "Standard or I/O-Optimized, over the I/Os", 14, INK, bold=True)
    yield f"<path d='M{LEFT} {base - CHART_HEIGHT:g} V{base:g} H{WIDTH - RIGHT}' fill='none' stroke='{DIM}'/>"
    # Two labels that would lie upon one another are moved apart.
    apart = max(0.0, 15 - float((level - fixed) / highest) * CHART_HEIGHT)
    lines = ((STANDARD, "Standard", fixed, fixed + widest), (OPTIMIZED, "I/O-Optimized", level, level))
    for colour, name, first, last in lines:
        (x1, y1), (x2, y2) = at(Fraction(0), first), at(widest, last)
        dashes = " stroke-dasharray='7 4'" if name != "Standard" else ""
        yield (
            f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' stroke-width='2.5'"
            f"{dashes}/>"
        )
        yield _text(x2 + 6, y2 + 4, name, 12, colour)
        yield _text(LEFT - 10, y1 + 4 + apart * (name == "Standard"), _money(first), 12, DIM, anchor="end")
    x, y = at(compared.io_spend, level)
    yield f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='{INK}'/>"
    yield f"<line x1='{x:.1f}' y1='{y:.1f}' x2='{x:.1f}' y2='{base:g}' stroke='{DIM}' stroke-dasharray='2 3'/>"
    yield _text(x, base + 18, f"the same at {ios(compared.ios)} I/Os", 12, INK, anchor="middle")
    if spent:
        x, y = at(spent, fixed + spent)
        yield f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='{STANDARD}' stroke='{INK}'/>"
        yield _text(x, base + 36, f"yours: {ios(spent / compared.io_price)}", 12, STANDARD, anchor="middle")


def ios(count: Fraction) -> str:
    """A number of I/Os as people say it: `2.36 billion`."""
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if count >= size:
            return f"{float(count / size):.3g} {word}"
    return f"{float(count):,.0f}"


def _money(amount: Fraction) -> str:
    return shown(amount, fine=0 < amount < 1)


def _short(title: str) -> str:
    return title if len(title) <= 17 else title[:16] + "…"


def _text(
    x: float, y: float, said: str, size: int, colour: str, *, bold: bool = False, anchor: str = ""
) -> str:
    weight = " font-weight='bold'" if bold else ""
    placed = f" text-anchor='{anchor}'" if anchor else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}'{weight} fill='{colour}'{placed}>{escape(said)}</text>"
