-- auth/revoke_session
-- End the session that asks. Zero rows: it was not alive.
--
-- $1  token_hash  bytea
--
-- result  count
-- index   sessions_pk

update /* auth/revoke_session */ lms.sessions
set revoked_at = now()
from lms.actor($1) as actor
where sessions.token_hash = $1 and sessions.user_id = actor.user_id;
