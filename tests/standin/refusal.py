"""What splunkd does not do, and says so with an HTTP status."""


class Refusal(Exception):
    """`status` is HTTP's, `text` is worded as splunkd words it, `level` is the message's (ERROR, FATAL, WARN)."""

    def __init__(self, status: int, text: str, level: str = "ERROR"):
        super().__init__(text)
        self.status, self.text, self.level = status, text, level
