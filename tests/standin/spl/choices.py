"""The stand-in's choices where no source says what Splunk does. For each, another answer is just as likely.

No search may depend on any of them. So a host can be told to give the other answers (Host.others), and the app's
searches are tested with each. A vector that shows a choice says so: "known_from": "choice: NULL_IN_LOOKUP".
"""

NULL_IN_LOOKUP = "a lookup by several fields of which one is null"
"""Finds nothing. The other answer: finds the row by the remaining fields."""
MISSING_PATH = "json_extract with several paths of which one is missing"
"""Is null in the array. The other answer: is left out of it."""
EMPTY_CELL = "an empty cell of a custom command's reply"
"""Is null. The other answer: is an empty text."""
NULL_ELEMENT = "json_array_to_mv of an array with a null"
"""The null is left out. The other answer: it is the text null."""
NESTED_ARRAY = "json_array_to_mv of an array in an array"
"""It is one value. The other answer: its elements are values."""
INDEX_LATEST = "an event that was indexed in the very second of _index_latest"
"""It is not found, as with latest. The other answer: it is found."""
CHOICES = (NULL_IN_LOOKUP, MISSING_PATH, EMPTY_CELL, NULL_ELEMENT, NESTED_ARRAY, INDEX_LATEST)
