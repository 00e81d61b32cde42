"""Settings of the question desk and its REST window, for a whole process."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class QuerySettings(BaseModel):
    """What questions may cost, and where REST listens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address that REST listens on.",
    )
    port: int = Field(
        default=8080, ge=0, le=65535, description="TCP port of REST, health and metrics; 0 takes a free one."
    )
    username: str = Field(
        default="",
        max_length=200,
        description="User at the ClickHouse server by whom questions are asked, and what streams show is read; "
        "`otelhouse query-user` makes it. Empty: they are asked as `store.username`, in read-only mode. The embedded "
        "engine needs none: there they are asked in sessions that may read and do nothing else.",
    )
    password: SecretStr = Field(default=SecretStr(""), description="That user's password; never printed.")
    max_rows: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Rows in one answer, whatever the question allows. Answers are held in memory whole.",
    )
    max_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds that one question may run in ClickHouse."
    )
    max_bytes_read: int = Field(
        default=20 * 1024**3,
        ge=0,
        description="Bytes that ClickHouse may read for one question, uncompressed; 0 for no bound.",
    )
    max_memory_bytes: int = Field(
        default=2 * 1024**3,
        ge=0,
        description="Memory in bytes that ClickHouse may use for one question; 0 for its own.",
    )
    concurrency: int = Field(
        default=6,
        ge=1,
        le=256,
        description="Questions asked at the same time; each holds one thread and one of `store.select_connections`. "
        "Keep it two below those: `/readyz` and the freshness of answers need one each, however busy questions are.",
    )
    max_waiting: int = Field(
        default=64,
        ge=0,
        le=10_000,
        description="Questions that may wait for a free thread; more are refused with 503.",
    )
    max_wait_seconds: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Seconds that a question may wait for a free thread before it is refused with 503. They do not "
        "count against `max_seconds`.",
    )
    max_per_reader: int = Field(
        default=4,
        ge=0,
        le=256,
        description="Questions of one named reader asked at the same time, and always one fewer than `concurrency`, so "
        "that no reader takes all threads; 0 for no bound. Further ones wait for the reader's own.",
    )
    max_waiting_per_reader: int = Field(
        default=16,
        ge=0,
        le=10_000,
        description="Questions of one named reader that may wait for its own; more, and those that wait longer than "
        "`max_wait_seconds`, are refused with 429.",
    )
    max_body_bytes: int = Field(
        default=65_536,
        ge=1024,
        le=16 * 1024**2,
        description="Bytes of a POSTed question, which is a few parameters.",
    )
    max_answer_bytes: int = Field(
        default=64 * 1024**2,
        ge=4096,
        description="Bytes of one answer as it is sent; more is refused, and the asker told to ask for fewer rows.",
    )
    ready_seconds: float = Field(
        default=5.0, gt=0, le=60, description="Seconds that `/readyz` waits for each check before it says no."
    )

    @model_validator(mode="after")
    def _password_has_a_user(self) -> Self:
        if self.password.get_secret_value() and not self.username:
            raise ValueError("query.password is set without query.username: name the user that it is for")
        return self
