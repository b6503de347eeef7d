-- account_tokens/issue_account_token
-- Make the link of a mail to somebody who was invited. No row: the account has a password, or is closed.
--
-- $1  account_token_hash  bytea
-- $2  user_id             uuid
-- $3  valid_hours         integer
--
-- role    lms_worker
-- result  row?  AccountTokenIssue

select /* account_tokens/issue_account_token */
    issued.issued_to
from lms.issue_account_token($1, $2, $3) as issued;
