"""Why a lookup gave no answer. That an object does not exist is an answer, and no error."""


class NoAnswerError(Exception):
    """A lookup gave no answer."""


class DeniedError(NoAnswerError):
    """The API server refused (401, 403): a right is missing. The message names verb and resource."""


class FailedError(NoAnswerError):
    """The API server could not be asked, did not answer in time, or answered with an error of its own."""
