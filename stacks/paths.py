"""Where this deployment's files lie; the only module that knows the tree."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ROOT / "settings"
HEAD_IMAGE = ROOT / "docker" / "nextflow"
WORKER = ROOT / "assets" / "worker"
JANITORS = ROOT / "assets" / "janitors"
