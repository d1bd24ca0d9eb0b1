"""`python -m zava_tui` is the command `zava`."""

from zava_tui.cli import main

main()
