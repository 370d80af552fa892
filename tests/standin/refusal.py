"""What splunkd does not do, and says so with an HTTP status."""


class Refusal(Exception):
    """`status` is HTTP's, `text` is worded as splunkd words it."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status, self.text = status, text
