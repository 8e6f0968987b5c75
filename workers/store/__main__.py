"""`python -m workers.store`: the specs of the store of VEDETTE_MODEL_STORE as JSON lines. For `workers.store.watch`."""

import json
import sys

from contract.errors import VedetteError
from contract.settings import load_settings
from workers.store import ModelStore


def main() -> None:
    try:
        for spec in ModelStore(load_settings()).specs():
            print(json.dumps(spec.model_dump(mode="json", by_alias=True)))
    except VedetteError as error:
        print(" ".join(str(error).split()))
        sys.exit(1)


if __name__ == "__main__":
    main()
