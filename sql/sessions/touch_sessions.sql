-- sessions/touch_sessions
-- Note that these sessions were used, so that they do not idle out. Sent once a minute by each process of `lms serve`
-- for all sessions it saw, so that a request costs no write.
--
-- $1  token_hashes  jsonb  an array of them in hexadecimal
--
-- result  count
-- index   sessions_pk

with /* sessions/touch_sessions */ used as (
    select sessions.token_hash
    from lms.sessions
    where
        -- No bytea[]: for the type of an array asyncpg asks the server, and sets jit for the session to do so.
        sessions.token_hash in (select decode(seen.hash, 'hex') from jsonb_array_elements_text($1) as seen (hash))
        and sessions.last_seen_at < now() - interval '30 seconds'
        -- Not those that idled out: a request that was turned away must not bring its session back to life.
        and sessions.last_seen_at + sessions.idle_timeout > now()
    -- Whoever has one of them now is noting it, too, or ends it: two who wait for each other would gain nothing.
    for no key update skip locked
)
update lms.sessions
set last_seen_at = now()
from used
where sessions.token_hash = used.token_hash;
