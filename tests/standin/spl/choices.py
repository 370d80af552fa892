"""What Splunk does where no source says it: the stand-in's choices, each with another answer that is as likely.

A search may rest on none of them. So a host can be told to give the other answers (Host.others), and the app's searches
are tried with each. A vector that shows one says so: "known_from": "choice: NULL_IN_LOOKUP".
"""

NULL_IN_LOOKUP = "a lookup by several fields of which one is null"
"""Finds nothing; or else looks the row up by the fields that are left."""
MISSING_PATH = "json_extract with several paths of which one is missing"
"""Is null in the array; or else is left out of it."""
EMPTY_CELL = "an empty cell of a custom command's reply"
"""Is null; or else an empty text."""
NULL_ELEMENT = "json_array_to_mv of an array with a null"
"""It is left out; or else is the text null."""
NESTED_ARRAY = "json_array_to_mv of an array in an array"
"""It is one value; or else its elements are."""
INDEX_LATEST = "an event that was indexed in the very second of _index_latest"
"""It is not found, as it is with latest; or else it is."""
CHOICES = (NULL_IN_LOOKUP, MISSING_PATH, EMPTY_CELL, NULL_ELEMENT, NESTED_ARRAY, INDEX_LATEST)
