"""How Aurora counts the I/O that it bills (FACTS 8.30–8.33). Pure.

    read    one page that was not in the instance's memory and had to be fetched: 8 KB in PostgreSQL
    write   log made durable, in units of 4 KB: a small record alone is one; records that are written together
            share units; what is longer than a unit is several

Pages are never written by Aurora, so never billed. The lab's log has whole pages in it now and then, after a
checkpoint, which Aurora's has not: a load that touches many pages once counts somewhat more here than there.
"""

from __future__ import annotations

LOG_UNIT_BYTES = 4096
"""FACTS 8.31."""


def write_units(writes: int, log_bytes: int) -> int:
    """Billed write I/Os of `writes` writes of log that have `log_bytes` in all.

    That is exact where each write is within a unit, or where all are long; between, it is the least that it
    can be. Raises ValueError for negative figures.
    """
    if writes < 0 or log_bytes < 0:
        raise ValueError("writes and bytes cannot be negative")
    return max(writes if log_bytes else 0, -(-log_bytes // LOG_UNIT_BYTES))
