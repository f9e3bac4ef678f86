"""What a gp3 volume can do: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html.

The workers, which size volumes as they grow, have the same numbers; a test compares them.
"""

from __future__ import annotations

LARGEST_GIB = 65_536
#: Included in the price of the GiB.
FREE_IOPS, FREE_MIBS = 3_000, 125
MOST_IOPS, MOST_MIBS = 80_000, 2_000
IOPS_PER_GIB, IOPS_PER_MIBS = 500, 4
