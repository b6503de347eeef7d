-- Drops the function that knows the form of answers.
--
-- loses  nothing

set local role lms_owner;

revoke execute on function lms.refuse(text, text) from lms_api;
drop function lms.checked_answers(jsonb, jsonb);
