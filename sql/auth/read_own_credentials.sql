-- auth/read_own_credentials
-- The hash of the actor's present password, to verify before it is replaced.
--
-- $1  token_hash  bytea
--
-- result  row?  Credentials
-- index   sessions_pk, users_pk

select /* auth/read_own_credentials */
    credentials.user_id,
    credentials.password_hash
from lms.own_credentials($1) as credentials;
