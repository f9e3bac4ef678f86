"""Prints the JSON schema of the settings, with which editors complete and check them."""

import json

from stacks.settings import Settings

if __name__ == "__main__":
    print(json.dumps(Settings.model_json_schema(), indent=2))
