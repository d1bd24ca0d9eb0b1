"""`python -m zava_server`."""

from zava_server.cli import main

main()
