-- account_tokens/read_account_token
-- Whose account a link opens, before a password is hashed for it. The statement that sets the password still decides.
-- No row: there is no such link, or it opens nothing any more.
--
-- $1  account_token_hash  bytea
--
-- result  row?  AccountToken
-- index   account_tokens_pk, users_pk

select /* account_tokens/read_account_token */
    account_tokens.user_id
from lms.account_tokens
join lms.users on users.user_id = account_tokens.user_id
where
    account_tokens.token_hash = $1
    and account_tokens.used_at is null
    and account_tokens.expires_at > now()
    and users.deactivated_at is null;
