"""Segment Bridge: user journeys out of Splunk, into Segment.

Importing this package puts the app's `lib/` first on the path, so that the app's own libraries win over those of the
same names from Splunk or another app. It happens here, and nowhere else, because an entry point imports from this
package before it imports any library.
"""

import os
import sys

__version__ = "1.0.0"

if sys.hexversion < 0x03090000:
    sys.exit("Segment Bridge needs Splunk 9.3 or later: this one runs it with Python %d.%d" % sys.version_info[:2])

# Not realpath: bin/ may be a symbolic link to a folder that has no lib/ next to it.
_APP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(_APP, "lib"))
