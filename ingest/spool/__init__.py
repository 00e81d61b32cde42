"""The spool: what was acknowledged and does not stand in ClickHouse yet, on disk.

    entry.py     what the others see: `Part`, `SpoolEntry`, `Contents`, `Damage`, `SpoolStatus`, `SpoolLimits`
    folder.py    `SpoolReader` (looks) and `Spool` (holds the folder: append, remove, set aside)
    frames.py    the bytes inside a file: one frame a request, each with checksums of its own
    names.py     the names of files, which say what an entry is whatever became of its bytes
    checking.py  reads it all, some seconds at a time
    files.py     durable writing, reading past bad sectors, the lock
    index.py     the entries in memory, oldest first for each kind
    errors.py    `SpoolFullError`, `SpoolLockedError`, `SpoolBrokenError`

The folder:

    lock         held by the process that writes; it says nothing
    NUMBER.KIND.TOKEN.ITEMS.PARTS.SIZE.CREATED.spool1     one batch = one later INSERT under its token
    NUMBER.tmp   being written, never acknowledged; the next start deletes it
    damaged/     copies of damaged files and files that are not the spool's, for people to look at

There is nothing else to break: no index, no journal, no header of the folder. Why a folder of files and not a
database is told in docs/decisions/0008-the-spool-is-a-folder-of-batches.md.
"""
