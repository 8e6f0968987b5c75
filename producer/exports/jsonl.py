"""JSON Lines, https://jsonlines.org: each image's result as docs/protocol.md has it. The format that loses nothing."""

from contract.messages import ImageResult


class JsonLines:
    def start(self) -> str:
        return ""

    def add(self, index: int, result: ImageResult) -> str:  # noqa: ARG002
        return result.model_dump_json() + "\n"

    def end(self) -> str:
        return ""
