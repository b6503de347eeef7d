-- sessions/touch_sessions
-- Note that these sessions were used, so that they do not idle out. Sent once a minute by each worker for all
-- sessions it saw, so that a request costs no write.
--
-- $1  token_hashes  bytea[]
--
-- result  count
-- index   sessions_pk

update /* sessions/touch_sessions */ lms.sessions
set last_seen_at = now()
where
    sessions.token_hash = any($1)
    and sessions.last_seen_at < now() - interval '30 seconds'
    -- Not those that idled out: a request that was turned away must not bring its session back to life.
    and sessions.last_seen_at + sessions.idle_timeout > now();
