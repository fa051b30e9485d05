"""Why a notification is not believed: the one error of this package's verification."""


class RefusedError(ValueError):
    """A notification that is refused. `reason` is a key of `schemas.reasons.DEAD_LETTER`.

    `detail` names fields, serials and limits for people; never a value that the notification carries inside.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")
