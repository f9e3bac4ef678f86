"""How this deployment groups the library's constructs; the settings; where files lie."""

import sys
from pathlib import Path

# `pip install -r requirements.txt` cannot install this checkout too: an editable install has no
# hash, and pip wants one for each line or for none.
# https://pip.pypa.io/en/stable/topics/secure-installs/#hash-checking-mode
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "constructs"))
