-- auth/read_actor
-- Who asks, before the service does something expensive for them. The statement that does the work still decides.
--
-- $1  token_hash  bytea
--
-- result  row?  ActorRole
-- index   sessions_pk, users_pk

select /* auth/read_actor */
    actor.user_id,
    actor.role
from lms.actor($1) as actor;
