"""Segment Bridge: user journeys out of Splunk, into Segment.

Importing this package puts the app's `lib/` first on the path, so that what the app ships comes before libraries of the
same names that Splunk or another app has put there. It is done here because every way into the code passes through
here, and nowhere else: an entry point imports from this package before it imports any library.
"""

import os
import sys

__version__ = "1.0.0"

if sys.hexversion < 0x03090000:
    sys.exit("Segment Bridge needs Splunk 9.3 or later: this one runs it with Python %d.%d" % sys.version_info[:2])

# Not resolved: the app's folder may be a symbolic link, and lib/ lies in it as it is named, not where bin/ leads to.
_APP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(_APP, "lib"))
