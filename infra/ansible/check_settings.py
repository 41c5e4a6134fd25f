"""Ends with one line when the agent would not start with a settings file: `python check_settings.py FILE`."""

import sys
from pathlib import Path

from stressvision_agent.settings import SettingsError, load_settings

try:
    load_settings(Path(sys.argv[1]))
except SettingsError as error:
    sys.exit(str(error))
