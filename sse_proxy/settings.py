"""Settings of the live streams, for a whole process."""

from pydantic import BaseModel, ConfigDict, Field


class StreamSettings(BaseModel):
    """How new rows are followed, and how many may watch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    poll_s: float = Field(
        default=1.0,
        ge=0.05,
        le=60,
        description="Seconds between two looks for new rows, while somebody watches. What this process itself stores, "
        "it looks for at once.",
    )
    pause_s: float = Field(
        default=0.1,
        ge=0.0,
        le=10,
        description="Seconds between two looks at least, however much is stored: it bounds the queries a second.",
    )
    overlap_s: float = Field(
        default=10.0,
        ge=0.1,
        le=300,
        description="Seconds by which a row may become visible later than the moment of arrival that is written on it "
        "(a slow INSERT, a replica behind, clocks that differ), and still reach every client once. Cursors grow "
        "with it.",
    )
    late_s: float = Field(
        default=60.0,
        ge=0,
        le=3600,
        description="Seconds beyond `overlap_s` within which rows that became visible too late are found, and told as "
        "a gap that clients can fetch; they are looked for once in `overlap_s`, or in `late_s` where that is shorter. "
        "0 for not looking.",
    )
    history_s: float = Field(
        default=120.0,
        ge=1,
        le=3600,
        description="Seconds that a process reads back when its first client comes, so that clients of another process "
        "can go on here.",
    )
    ring_rows: int = Field(
        default=20_000,
        ge=100,
        le=1_000_000,
        description="Rows of one signal kept in memory for clients that come back.",
    )
    ring_bytes: int = Field(
        default=64 * 1024**2,
        ge=1024**2,
        le=4 * 1024**3,
        description="Bytes of them, about. What a client missed beyond that, it is told to fetch over REST.",
    )
    row_bytes: int = Field(
        default=256 * 1024,
        ge=1024,
        le=16 * 1024**2,
        description="Bytes of one row as it is sent; a larger one becomes a gap that says where to fetch it.",
    )
    rows_at_once: int = Field(
        default=5_000,
        ge=10,
        le=100_000,
        description="Rows that one look fetches; if there are more, the next look follows at once.",
    )
    behind_rows: int = Field(
        default=20_000,
        ge=100,
        le=1_000_000,
        description="Rows that may wait to be fetched. Beyond that the oldest are left out, and clients get a gap.",
    )
    linger_s: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="Seconds that rows are still followed after the last client left, for those that come back. After "
        "that streams cost nothing.",
    )
    keepalive_s: float = Field(
        default=15.0,
        ge=0.05,
        le=300,
        description="Seconds of silence until a client gets a comment, with a new cursor.",
    )
    retry_ms: int = Field(
        default=2_000,
        ge=100,
        le=300_000,
        description="Milliseconds that a browser waits before it comes back; up to half as much is added by chance, so "
        "that not all come at once.",
    )
    send_timeout_s: float = Field(
        default=30.0, ge=0.1, le=600, description="Seconds that a client may take nothing before it is cut off."
    )
    recheck_s: float = Field(
        default=15.0,
        ge=0.05,
        le=3600,
        description="Seconds between two looks whether the clients' tokens still hold.",
    )
    max_streams: int = Field(default=10_000, ge=1, le=1_000_000, description="Open streams of this process.")
    max_per_reader: int = Field(
        default=200,
        ge=0,
        le=1_000_000,
        description="Open streams of one named reader; 0 for no bound. Who needs no token is not counted.",
    )
    max_channels: int = Field(
        default=2_000,
        ge=1,
        le=100_000,
        description="Different combinations of filter and scope watched at once; each costs time for each row.",
    )
    allow_origins: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        description="Origins of web pages, such as https://portal.example, that may read streams from another host; "
        "`*` for any, without cookies.",
    )
