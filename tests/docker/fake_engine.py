"""A program called docker that keeps a container's state in files, which decide what starts, ends or is refused.

In the folder FAKE_ENGINE: `fate` is the state that a started container reaches (running, exited, ...), `refusal` what
the engine says instead, `no-image` makes it lack the image; `calls` holds the commands so far, `container` the existing
container.
"""

import json
import os
import sys
from pathlib import Path


def main(arguments: list) -> int:
    folder = Path(os.environ["FAKE_ENGINE"])
    container = folder / "container"
    command = [each for each in arguments if not each.startswith("-")]
    if command[0] == "compose" and "-f" in arguments:
        command = ["compose", *arguments[arguments.index("-f") + 2 :]]
    with (folder / "calls").open("a", encoding="utf-8") as calls:
        calls.write(" ".join(command) + "\n")
    if command[0] == "ps":
        print("0123" if container.exists() else "", end="")
    elif command[0] == "inspect":
        print(container.read_text(encoding="utf-8"))
    elif command[:2] == ["image", "inspect"] or command[:2] == ["compose", "pull"]:
        return (folder / "no-image").exists()
    elif command[:2] == ["compose", "config"]:
        services = ("splunk", "kubernetes", "segment")
        print(json.dumps({"services": {name: {"image": "example.com/%s:1" % name} for name in services}}))
    elif command[:2] == ["compose", "logs"]:
        print("splunk-1 | starting\nsplunk-1 | the licence is refused, password %s" % os.environ["SPLUNK_PASSWORD"])
    elif command[:2] == ["compose", "up"]:
        if (folder / "refusal").exists():
            print("creating\n" + (folder / "refusal").read_text(encoding="utf-8"), file=sys.stderr)
            return 1
        if not container.exists():
            container.write_text(
                json.dumps(
                    [
                        {
                            "State": {"Status": (folder / "fate").read_text(encoding="utf-8")},
                            "Config": {"Env": ["SPLUNK_PASSWORD=" + os.environ["SPLUNK_PASSWORD"]]},
                        }
                    ]
                ),
                encoding="utf-8",
            )
    elif command[:2] == ["compose", "down"]:
        container.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
