-- auth/read_credentials
-- Whom an e-mail address belongs to and the hash to verify the password against, for the login alone.
--
-- $1  email  text  in canonical form
--
-- result  row?  Credentials
-- index   users_email_uq

select /* auth/read_credentials */
    credentials.user_id,
    credentials.password_hash
from lms.credentials($1) as credentials;
