-- Takes back what the service needs to run accounts.
--
-- loses  how often settings were edited

set local role lms_owner;

revoke update (
    email,
    full_name,
    role,
    password_hash,
    settings,
    settings_version,
    version,
    deactivated_at,
    updated_at
) on lms.users from lms_api;
revoke insert (email, full_name, role, password_hash) on lms.users from lms_api;
drop function lms.merge_patch(jsonb, jsonb);
drop function lms.own_credentials(bytea);
drop function lms.can_see_user(uuid, text, uuid);
drop index lms.users_role_email_user_id_ix;
drop index lms.users_role_full_name_user_id_ix;
drop index lms.users_role_user_id_ix;
drop function lms.folded(text);
alter table lms.users drop column settings_version;
