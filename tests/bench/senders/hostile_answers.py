"""Posts batches to a receiver and checks every answer. Arguments: url, write key, number of posts, their time limit.

It uses only the standard library and the app, which PYTHONPATH puts on the path. It prints a line of JSON.
"""

import collections
import json
import sys
import threading
import time

from segment_bridge import reasons
from segment_bridge.delivery.client import Client, Kind
from segment_bridge.delivery.options import Destination

LIMIT_S, SLACK_S = 0.3, 5.0
BODY = b'{"batch":[%s]}' % (b'{"messageId":"m"}' * 50)


def main(url, write_key, count):
    kinds, longest, wrong = collections.Counter(), [0.0], []
    left = [count]
    counting = threading.Lock()
    client = Client(Destination("segment", url=url + "/v1/batch", timeout=LIMIT_S, connect_timeout=LIMIT_S), write_key)

    def work():
        while True:
            with counting:
                if not left[0] or wrong:
                    return
                left[0] -= 1
            began = time.monotonic()
            try:
                answer = client.send(client.prepare(BODY))
                answer.exception(b'{"messageId":"m"}')
            except BaseException as error:
                wrong.append("%s: %s" % (type(error).__name__, error))
                raise
            took = time.monotonic() - began
            told = repr(answer)
            with counting:
                kinds[answer.kind.name] += 1
                longest[0] = max(longest[0], took)
            texts = [answer.reason, answer.error, *answer.excepted]
            if (
                took > 2 * LIMIT_S + SLACK_S
                or write_key in told
                or client._secrets[1] in told
                or not all(text.isprintable() and len(text) < 300 for text in texts)
                or (answer.kind is not Kind.ACCEPTED and not reasons.is_known(answer.reason))
                or not 0 <= (answer.retry_after_s or 0) <= 300
            ):
                wrong.append("%.1f s: %s" % (took, told[:1_000]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open("/proc/self/status", encoding="ascii") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps({"kinds": kinds, "longest_s": longest[0], "wrong": wrong, "peak_mb": peak}))


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.readline().strip(), int(sys.argv[2]))
