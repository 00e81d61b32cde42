-- name: audit_log
-- summary: Who did what to the house, newest first.
-- description: Sign-ins that were refused, changes of tokens, dead letters sent again, the settings in force at each
--     start. The same refusal, again and again, is one row a minute with its count. What the trail promises and how it is
--     checked: docs/audit.md.
-- doors: rest, mcp, cli, docs
-- signals: none
-- role: admin
-- limit rows: 10000
-- limit seconds: 20
--
-- param since: DateTime64(9, 'UTC')
--   default: 24h
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one day before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param action: String
--   default:
--   example: sign_in.refused
--   help: Only this action, or, ending in a dot, all that begin so: `token.`.
-- param actor: String
--   default:
--   example: ops-2
--   help: Only what this one did: id of a token, subject of a JWT, `anonymous` or `system`.
-- param outcome: String
--   default:
--   choices: , ok, refused, failed
--   example: refused
--   help: Only what ended so.
-- param limit: UInt32
--   default: 100
--   bounds: 1 .. 10000
--   example: 20
--   help: The most deeds to answer with.
--
-- column time: String
--   help: When it was done, RFC 3339 in UTC.
-- column action: String
--   help: What was done.
-- column actor: String
--   help: Who did it.
-- column peer: String
--   help: Network address that it came from; empty for the machine itself.
-- column outcome: String
--   help: ok, refused or failed.
-- column target: String
--   help: What it was done to.
-- column times: UInt32
--   help: How often.
-- column details: Map(String, String)
--   help: More about it.
-- column instance: String
--   help: Process of the house that recorded it.
--   wide: yes
-- column number: UInt64
--   help: Of the line in that trail; a missing number is a deed that is not here.
--   wide: yes
-- column lost: UInt32
--   help: Deeds before this one that could not be kept.
--   wide: yes
SELECT
    concat(replaceOne(toString(Timestamp, 'UTC'), ' ', 'T'), 'Z') AS time,
    Action AS action,
    Actor AS actor,
    Peer AS peer,
    Outcome AS outcome,
    Target AS target,
    Times AS times,
    Details AS details,
    Instance AS instance,
    Number AS number,
    Lost AS lost
FROM otel_audit
WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
    AND Timestamp < {until:DateTime64(9, 'UTC')}
    AND ({action:String} = '' OR Action = {action:String}
        OR (endsWith({action:String}, '.') AND startsWith(Action, {action:String})))
    AND ({actor:String} = '' OR Actor = {actor:String}) -- when: actor
    AND ({outcome:String} = '' OR Outcome = {outcome:String}) -- when: outcome
-- Handed over twice, after a crash, it is still one deed.
ORDER BY Timestamp DESC, Id
LIMIT 1 BY Id
LIMIT {limit:UInt32}
