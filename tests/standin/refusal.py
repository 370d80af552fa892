"""What splunkd refuses with an HTTP status."""


class Refusal(Exception):
    """`status` is the HTTP status, `text` is in splunkd's words, `level` is the message's (ERROR, FATAL, WARN)."""

    def __init__(self, status: int, text: str, level: str = "ERROR"):
        super().__init__(text)
        self.status, self.text, self.level = status, text, level
