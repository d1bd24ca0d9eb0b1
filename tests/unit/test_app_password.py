"""The password of zava_app travels only as what PostgreSQL stores of it."""

import base64

from zava_server.data.app_password import scram_verifier


def test_the_verifier_is_that_of_the_published_example() -> None:
    """User `user`, password `pencil`, the example of RFC 7677."""

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    assert scram_verifier("pencil", salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
