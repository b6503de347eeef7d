-- account_tokens/delete_expired_account_tokens
-- Forget links a week after their end.
--
-- result  count
-- index   account_tokens_expires_at_ix

delete /* account_tokens/delete_expired_account_tokens */ from lms.account_tokens
where account_tokens.expires_at < now() - interval '7 days';
