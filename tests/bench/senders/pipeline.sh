#!/bin/bash
# jq, split and curl, as in the job's shell predecessor: rows as JSON lines on stdin, batches of at most 490 KiB, one
# after the other. The endpoint is in the environment: SEGMENT_URL, SEGMENT_WRITE_KEY.
set -euo pipefail

jq -c '{messageId, timestamp, type, userId, event, properties, context}' |
    split --line-bytes=490k --filter='
        jq -sc "{batch: .}" |
            curl --silent --show-error --fail --retry 3 --user "$SEGMENT_WRITE_KEY:" \
                --header "Content-Type: application/json" --data-binary @- --output /dev/null "$SEGMENT_URL"'
