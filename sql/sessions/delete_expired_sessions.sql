-- sessions/delete_expired_sessions
-- Forget sessions a week after their end.
--
-- result  count
-- index   sessions_expires_at_ix

delete /* sessions/delete_expired_sessions */ from lms.sessions
where sessions.expires_at < now() - interval '7 days';
