-- Three small functions that the tables and the query files rest on.
--
-- why    keys that sort by time on every PostgreSQL from 15 on; one form for a page's cursor; one way for a
--        statement to refuse what no constraint can see
-- locks  none
-- undo   drops the functions
--
-- depends: 0001_create_schema

set local role lms_owner;

-- RFC 9562, version 7: 48 bits of milliseconds, then the version, then 12 bits of the fraction of the
-- millisecond (section 6.2, method 3), then the variant and 62 random bits of a version 4 UUID.
create function lms.uuidv7() returns uuid
language sql volatile parallel safe
begin atomic
    select
        encode(
            -- sqlfluff cannot read an overlay of an overlay.
            overlay( -- noqa: LT01
                overlay( -- noqa: PRS
                    uuid_send(gen_random_uuid())
                    placing substring(int8send(clock.microseconds / 1000) from 3) from 1 for 6
                )
                -- 28672 is 0x7000, the version in front of its twelve bits.
                placing int2send((28672 + clock.microseconds % 1000 * 4096 / 1000)::smallint) from 7 for 2
            ),
            'hex'
        )::uuid
    from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as microseconds) as clock;
end;
comment on function lms.uuidv7() is
    'A UUID of version 7 (RFC 9562), ordered by time to the microsecond. PostgreSQL has its own from 18 on.';
grant execute on function lms.uuidv7() to lms_api;

create function lms.cursor(key uuid) returns text
language sql immutable parallel safe
begin atomic
    select translate(encode(uuid_send(key), 'base64'), '+/=', '-_');
end;
comment on function lms.cursor(uuid) is
    'The opaque cursor of a page that ended with this key: 22 characters of base64url.';
grant execute on function lms.cursor(uuid) to lms_api;

create function lms.refuse(rule text) returns text
language plpgsql volatile
as $$
begin
    raise exception using
        errcode = 'check_violation',
        constraint = rule,
        message = format('refused by the rule %s', rule);
end;
$$;
comment on function lms.refuse(text) is
    'Ends the statement as a violated constraint of this name would, for a rule that depends on who asks. '
    'The line `fails` of the query file holds the answer.';
grant execute on function lms.refuse(text) to lms_api;
