"""Runs `nextflow run` with the arguments of the container, as a Batch job."""

import os
import sys

from nextflow_head import head

if __name__ == "__main__":
    raise SystemExit(head.main(sys.argv[1:], os.environ))
