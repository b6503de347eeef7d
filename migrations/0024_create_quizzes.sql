-- Quizzes: settings, the questions in versions that never change, and apart from them the keys.
--
-- why    a lecturer asks, and students answer what stood there when they began; what is right stands in a table that
--        the service cannot read, so that no mistake in a statement shows it
-- locks  courses, SHARE ROW EXCLUSIVE, for the foreign key; no rows are scanned
-- undo   drops the tables, and every quiz with its questions and keys
--
-- A question, its key and the answer to it, by type. This is the one place that says it; lms.questions_defect() and
-- lms.key_defect() hold documents to it, and so do the models in api/models/quizzes.py. Every question also has
-- `"id": "q1"` (its own within the version), `"type"`, `"prompt": "…"` and `"points": 2` (above 0, at most 1,000, two
-- decimals). A key is an object with one entry for each question, by its id; each entry repeats the type and may have
-- an `"explanation": "…"`, which is shown with the right answer. Answers are an object by the id of the question.
--
--     type             also in the question         in the key                                        an answer
--     single_choice    "options": [{"id", "text"}]  "correct": "a"                                    "a"
--     multiple_choice  "options": [{"id", "text"}]  "correct": ["a", "c"]                             ["a", "b"]
--     true_false                                    "correct": true                                   false
--     short_answer                                  "accepted": ["four", "4"], "match_case": false    "Four"
--     numeric                                       "value": 3.14, "absolute_tolerance": 0.005        3.142
--                                                   or "relative_tolerance": 0.01, or neither
--                                                   or "minimum": 1, "maximum": 5, both included
--     matching         "stems": [{"id", "text"}]    "correct": {"s1": "a", "s2": "c"}                 {"s1": "a"}
--                      "options": [{"id", "text"}]
--     essay                                                                                           "It is …"
--
-- depends: 0023_validate_materials_file

set local role lms_owner;

create function lms.refuse(rule text, pointer text) returns text
language plpgsql volatile
as $$
begin
    raise exception using
        errcode = 'check_violation',
        constraint = rule,
        column = pointer,
        message = format('refused by the rule %s', rule);
end;
$$;
comment on function lms.refuse(text, text) is
    'As lms.refuse(text), and says which part of a document is to blame, as a JSON pointer. No violated constraint of a '
    'table names a column, so the pointer travels as that.';

-- The form of questions and keys

create function lms.total_points(questions jsonb) returns numeric
language sql immutable parallel safe
begin atomic
    select sum(case jsonb_typeof(question -> 'points') when 'number' then (question -> 'points')::numeric end)
    from jsonb_array_elements(case jsonb_typeof(questions) when 'array' then questions else '[]' end) as question;
end;
comment on function lms.total_points(jsonb) is 'What there is to be had for these questions together.';

create function lms.is_label(value jsonb, most integer) returns boolean
language sql immutable parallel safe
begin atomic
    -- Not \s: what that is depends on the database, and in Python on other tables.
    select jsonb_typeof(value) = 'string' and length(value #>> '{}') <= most and value #>> '{}' ~ '[^ \t\n\r\f\v]';
end;
comment on function lms.is_label(jsonb, integer) is
    'Whether this is a text of so many characters at most that is not blank. Null where there is nothing.';

create function lms.is_points(value jsonb) returns boolean
language sql immutable parallel safe
begin atomic
    select
        case jsonb_typeof(value)
            when 'number'
                then
                    value::numeric > 0
                    and value::numeric <= 1000
                    and value::numeric = round(value::numeric, 2)
            else false
        end;
end;
comment on function lms.is_points(jsonb) is
    'Whether a question can be worth this: a number above 0, at most 1,000, with at most two decimals.';

create function lms.has_fields(value jsonb, required text[], optional text[]) returns boolean
language sql immutable parallel safe
begin atomic
    select
        case jsonb_typeof(value)
            when 'object' then value ?& required and value - required - optional = '{}'
            else false
        end;
end;
comment on function lms.has_fields(jsonb, text[], text[]) is
    'Whether this is an object that has all of the first fields and none but these.';

create function lms.questions_defect(questions jsonb, out rule text, out pointer text)
language plpgsql immutable parallel safe
as $$
declare
    id_form constant text := '^[A-Za-z0-9_-]{1,64}$';
    question jsonb;
    place integer := -1;
    path text;
    list text;
    item jsonb;
    item_place integer;
    fields text[];
begin
    if jsonb_typeof(questions) is distinct from 'array' or jsonb_array_length(questions) not between 1 and 200 then
        select 'quiz_questions_form', '/questions' into rule, pointer;
        return;
    end if;
    for question in select * from jsonb_array_elements(questions) loop
        place := place + 1;
        path := '/questions/' || place;
        rule := 'quiz_questions_form';
        fields := case question ->> 'type'
            when 'single_choice' then '{options}'
            when 'multiple_choice' then '{options}'
            when 'matching' then '{options, stems}'
            when 'true_false' then '{}'
            when 'short_answer' then '{}'
            when 'numeric' then '{}'
            when 'essay' then '{}'
        end;
        pointer := case
            when jsonb_typeof(question) <> 'object' then path
            when fields is null then path || '/type'
            when not lms.has_fields(question, '{id, type, prompt, points}' || fields, '{}') then path
            when jsonb_typeof(question -> 'id') <> 'string' or question ->> 'id' !~ id_form then path || '/id'
            when not lms.is_label(question -> 'prompt', 10000) then path || '/prompt'
        end;
        if pointer is not null then
            return;
        end if;
        if not lms.is_points(question -> 'points') then
            select 'quiz_questions_points', path || '/points' into rule, pointer;
            return;
        end if;
        foreach list in array fields loop
            pointer := path || '/' || list;
            if jsonb_typeof(question -> list) <> 'array'
                or jsonb_array_length(question -> list) not between 2 and 100
            then
                return;
            end if;
            item_place := -1;
            for item in select * from jsonb_array_elements(question -> list) loop
                item_place := item_place + 1;
                pointer := path || '/' || list || '/' || item_place;
                if not lms.has_fields(item, '{id, text}', '{}')
                    or jsonb_typeof(item -> 'id') <> 'string'
                    or item ->> 'id' !~ id_form
                    or not lms.is_label(item -> 'text', 2000)
                then
                    return;
                end if;
            end loop;
            if (
                select count(distinct each ->> 'id') < count(*) or count(distinct each ->> 'text') < count(*)
                from jsonb_array_elements(question -> list) as each
            ) then
                select 'quiz_questions_twice', path || '/' || list into rule, pointer;
                return;
            end if;
        end loop;
    end loop;
    rule := null;
    pointer := null;
    if (select count(distinct each ->> 'id') < count(*) from jsonb_array_elements(questions) as each) then
        select 'quiz_questions_twice', '/questions' into rule, pointer;
    end if;
end;
$$;
comment on function lms.questions_defect(jsonb) is
    'The first thing that is wrong with the questions of a quiz, as the name of a rule and a JSON pointer; nulls where '
    'nothing is. Refuses quiz_questions_form, quiz_questions_points, quiz_questions_twice.';

create function lms.key_defect(questions jsonb, key jsonb, out rule text, out pointer text)
language plpgsql immutable parallel safe
as $$
declare
    question jsonb;
    entry jsonb;
    correct jsonb;
    chosen jsonb;
    path text;
begin
    rule := 'quiz_key_form';
    pointer := '/key';
    if jsonb_typeof(key) is distinct from 'object' then
        return;
    end if;
    for question in select * from jsonb_array_elements(questions) loop
        path := '/key/' || (question ->> 'id');
        entry := key -> (question ->> 'id');
        if entry is null then
            rule := 'quiz_key_missing';
            pointer := path;
            return;
        end if;

        -- The fields, and what they hold.
        rule := 'quiz_key_form';
        correct := entry -> 'correct';
        pointer := case
            when jsonb_typeof(entry) <> 'object' then path
            when entry -> 'type' is distinct from question -> 'type' then path || '/type'
            when not case question ->> 'type'
                when 'short_answer' then lms.has_fields(entry, '{type, accepted}', '{match_case, explanation}')
                when 'essay' then lms.has_fields(entry, '{type}', '{explanation}')
                when 'numeric'
                    then
                        lms.has_fields(entry, '{type, value}', '{absolute_tolerance, explanation}')
                        or lms.has_fields(entry, '{type, value}', '{relative_tolerance, explanation}')
                        or lms.has_fields(entry, '{type, minimum, maximum}', '{explanation}')
                else lms.has_fields(entry, '{type, correct}', '{explanation}')
            end then path
            when not lms.is_label(entry -> 'explanation', 5000) then path || '/explanation'
            when jsonb_typeof(entry -> 'match_case') <> 'boolean' then path || '/match_case'
            when not case question ->> 'type'
                when 'single_choice' then jsonb_typeof(correct) = 'string'
                when 'true_false' then jsonb_typeof(correct) = 'boolean'
                when 'multiple_choice'
                    then
                        jsonb_typeof(correct) = 'array'
                        and correct <> '[]'
                        and not jsonb_path_exists(correct, 'strict $[*] ? (@.type() != "string")')
                when 'matching'
                    then
                        jsonb_typeof(correct) = 'object'
                        and not jsonb_path_exists(correct, '$.* ? (@.type() != "string")')
                else true
            end then path || '/correct'
            when question ->> 'type' = 'short_answer' and not case jsonb_typeof(entry -> 'accepted')
                when 'array'
                    then
                        jsonb_array_length(entry -> 'accepted') between 1 and 100
                        and (
                            select bool_and(lms.is_label(spelling, 500))
                            from jsonb_array_elements(entry -> 'accepted') as spelling
                        )
                else false
            end then path || '/accepted'
            when question ->> 'type' = 'numeric' and exists (
                select
                from jsonb_each(entry - '{type, explanation}'::text[]) as field
                where case jsonb_typeof(field.value) when 'number' then abs(field.value::numeric) > 1e300 else true end
            ) then path
        end;
        if pointer is not null then
            return;
        end if;

        -- What they say, beside the question.
        chosen := case question ->> 'type'
            when 'single_choice' then jsonb_build_array(correct)
            when 'multiple_choice' then correct
            when 'matching' then jsonb_path_query_array(correct, '$.*')
            when 'short_answer' then entry -> 'accepted'
            else '[]'
        end;
        if question ->> 'type' in ('multiple_choice', 'short_answer')
            and (select count(distinct each) < count(*) from jsonb_array_elements(chosen) as each)
        then
            rule := 'quiz_key_twice';
            pointer := path || case question ->> 'type' when 'short_answer' then '/accepted' else '/correct' end;
        elsif question ? 'stems'
            and exists (
                select from jsonb_array_elements(question -> 'stems') as stem where not correct ? (stem ->> 'id')
            )
        then
            rule := 'quiz_key_missing';
            pointer := path || '/correct';
        elsif question ? 'options'
            and (
                exists (
                    select
                    from jsonb_array_elements(chosen) as each
                    where not exists (
                        select from jsonb_array_elements(question -> 'options') as option where option -> 'id' = each
                    )
                )
                or question ? 'stems' and jsonb_array_length(chosen) > jsonb_array_length(question -> 'stems')
            )
        then
            rule := 'quiz_key_unknown_option';
            pointer := path || '/correct';
        elsif (entry -> 'absolute_tolerance')::numeric < 0
            or (entry -> 'relative_tolerance')::numeric not between 0 and 1
            or (entry -> 'minimum')::numeric > (entry -> 'maximum')::numeric
        then
            rule := 'quiz_key_range';
            pointer := path;
        end if;
        if pointer is not null then
            return;
        end if;
    end loop;

    rule := null;
    select 'quiz_key_unknown_question', '/key/' || replace(replace(entry_id, '~', '~0'), '/', '~1')
    into rule, pointer
    from jsonb_object_keys(key) as entry_id
    where not exists (select from jsonb_array_elements(questions) as each where each ->> 'id' = entry_id)
    order by entry_id
    limit 1;
end;
$$;
comment on function lms.key_defect(jsonb, jsonb) is
    'The first thing that is wrong with a key to these questions, which have their form, as the name of a rule and a '
    'JSON pointer; nulls where nothing is. Refuses quiz_key_form, quiz_key_missing, quiz_key_range, quiz_key_twice, '
    'quiz_key_unknown_option, quiz_key_unknown_question.';

-- Quizzes

create table lms.quizzes (
    quiz_id uuid not null default lms.uuidv7(),
    course_id uuid not null,
    week_number smallint,
    title text not null,
    state text not null default 'draft',
    opens_at timestamptz,
    closes_at timestamptz,
    time_limit_seconds integer,
    attempts_allowed smallint default 1,
    score_policy text not null default 'highest',
    feedback_policy text not null default 'after_submit',
    current_version integer,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint quizzes_pk primary key (quiz_id),
    -- CASCADE: a quiz is a part of its course. One that was taken keeps both: see quiz_attempts_quiz_version_fk.
    constraint quizzes_course_id_fk foreign key (course_id) references lms.courses (course_id) on delete cascade,
    -- No foreign key to the syllabus: a week can be rewritten, and its quizzes stay.
    constraint quizzes_week_number_ck check (week_number between 1 and 53),
    constraint quizzes_title_ck check (length(title) between 1 and 200 and title !~ '^\s|\s$'),
    constraint quizzes_state_ck check (state in ('draft', 'published', 'closed')),
    constraint quizzes_window_ck check (closes_at > opens_at),
    constraint quizzes_time_limit_seconds_ck check (time_limit_seconds between 10 and 604800),
    constraint quizzes_attempts_allowed_ck check (attempts_allowed between 1 and 100),
    constraint quizzes_score_policy_ck check (score_policy in ('highest', 'latest', 'average')),
    constraint quizzes_feedback_policy_ck check (feedback_policy in ('never', 'after_submit', 'after_close')),
    constraint quizzes_current_version_ck check (state = 'draft' or current_version is not null),
    constraint quizzes_version_ck check (version >= 1)
);

comment on table lms.quizzes is 'A quiz of a course: when and how it is taken. Personal data: none.';
comment on column lms.quizzes.quiz_id is 'Key, UUIDv7. Personal data: none.';
comment on column lms.quizzes.course_id is 'The course. Personal data: none.';
comment on column lms.quizzes.week_number is
    'The week of the syllabus whose topic it asks about; null for one about the whole course, such as an exam, which no '
    'mastery is counted from. Personal data: none.';
comment on column lms.quizzes.title is 'Name as people say it. Personal data: none.';
comment on column lms.quizzes.state is
    'draft (not shown to students), published, or closed (nobody starts any more). Personal data: none.';
comment on column lms.quizzes.opens_at is 'From when it can be started; null for at once. Personal data: none.';
comment on column lms.quizzes.closes_at is
    'From when it can neither be started nor worked on; null for never. Personal data: none.';
comment on column lms.quizzes.time_limit_seconds is
    'Seconds from start to submission; null for any. Personal data: none.';
comment on column lms.quizzes.attempts_allowed is 'How often a student may take it; null for any. Personal data: none.';
comment on column lms.quizzes.score_policy is
    'Which of several attempts counts: highest, latest, or average of all. Personal data: none.';
comment on column lms.quizzes.feedback_policy is
    'When a student sees points by question, right answers and explanations: never, after_submit, or after_close (when '
    'the quiz is closed or closes_at is past). Personal data: none.';
comment on column lms.quizzes.current_version is
    'The highest version_number of its questions, null before there are any; written by lms.save_quiz_version() alone. '
    'Personal data: none.';
comment on column lms.quizzes.version is
    'Counts the edits of settings and questions, for If-Match. Personal data: none.';
comment on column lms.quizzes.created_at is 'When the quiz was made. Personal data: none.';
comment on column lms.quizzes.updated_at is 'When it was last edited. Personal data: none.';

comment on constraint quizzes_pk on lms.quizzes is '409 This quiz exists already.';
comment on constraint quizzes_course_id_fk on lms.quizzes is '409 This course does not exist.';
comment on constraint quizzes_week_number_ck on lms.quizzes is '422 /week_number Number the weeks from 1 to 53.';
comment on constraint quizzes_title_ck on lms.quizzes is
    '422 /title Give a title of 1 to 200 characters, without space at its ends.';
comment on constraint quizzes_state_ck on lms.quizzes is '422 /state Use draft, published or closed.';
comment on constraint quizzes_window_ck on lms.quizzes is '422 /closes_at A quiz closes after it opens.';
comment on constraint quizzes_time_limit_seconds_ck on lms.quizzes is
    '422 /time_limit_seconds Give 10 seconds to 7 days.';
comment on constraint quizzes_attempts_allowed_ck on lms.quizzes is '422 /attempts_allowed Allow 1 to 100 attempts.';
comment on constraint quizzes_score_policy_ck on lms.quizzes is '422 /score_policy Use highest, latest or average.';
comment on constraint quizzes_feedback_policy_ck on lms.quizzes is
    '422 /feedback_policy Use never, after_submit or after_close.';
comment on constraint quizzes_current_version_ck on lms.quizzes is '409 /state The quiz has no questions yet.';
comment on constraint quizzes_version_ck on lms.quizzes is '422 A version counts from 1.';

-- Serves lms.computed_performance(), week by week, and the deletion of a course.
create index quizzes_course_id_week_number_quiz_id_ix on lms.quizzes (course_id, week_number, quiz_id);

-- Serves quizzes/list_quizzes, in its order.
create index quizzes_course_id_quiz_id_ix on lms.quizzes (course_id, quiz_id);

grant select, delete on lms.quizzes to lms_api;
grant insert (
    course_id,
    week_number,
    title,
    opens_at,
    closes_at,
    time_limit_seconds,
    attempts_allowed,
    score_policy,
    feedback_policy
) on lms.quizzes to lms_api;
-- Not current_version: questions come with their key, through lms.save_quiz_version().
grant update (
    week_number,
    title,
    state,
    opens_at,
    closes_at,
    time_limit_seconds,
    attempts_allowed,
    score_policy,
    feedback_policy,
    version,
    updated_at
) on lms.quizzes to lms_api;

alter table lms.quizzes enable row level security;
create policy quizzes_own_roles on lms.quizzes to lms_api, lms_migrate using (true) with check (true);

-- Their questions

create table lms.quiz_versions (
    quiz_id uuid not null,
    version_number integer not null,
    questions jsonb not null,
    max_score numeric(8, 2) not null generated always as (lms.total_points(questions)) stored,
    created_at timestamptz not null default now(),
    constraint quiz_versions_pk primary key (quiz_id, version_number),
    -- CASCADE: the questions are a part of the quiz.
    constraint quiz_versions_quiz_id_fk foreign key (quiz_id) references lms.quizzes (quiz_id) on delete cascade,
    constraint quiz_versions_version_number_ck check (version_number >= 1),
    constraint quiz_versions_questions_ck check (lms.questions_defect(questions) is null),
    constraint quiz_versions_size_ck check (pg_column_size(questions) <= 262144)
);

comment on table lms.quiz_versions is
    'The questions of a quiz as they stood, never changed; an attempt keeps the version it was started on. '
    'Personal data: none.';
comment on column lms.quiz_versions.quiz_id is 'The quiz. Personal data: none.';
comment on column lms.quiz_versions.version_number is 'From 1, within the quiz. Personal data: none.';
comment on column lms.quiz_versions.questions is
    'A JSON array in the order they are asked, without what is right: [{"id", "type", "prompt", "points", …}], by type '
    'single_choice and multiple_choice with "options": [{"id", "text"}], matching with "stems" and "options", '
    'true_false, short_answer, numeric and essay with nothing more. Personal data: none.';
comment on column lms.quiz_versions.max_score is 'The points of all questions together. Personal data: none.';
comment on column lms.quiz_versions.created_at is 'When they were saved. Personal data: none.';

comment on constraint quiz_versions_pk on lms.quiz_versions is '409 The quiz has this version already.';
comment on constraint quiz_versions_quiz_id_fk on lms.quiz_versions is '409 This quiz does not exist.';
comment on constraint quiz_versions_version_number_ck on lms.quiz_versions is '422 A version counts from 1.';
comment on constraint quiz_versions_questions_ck on lms.quiz_versions is
    '422 /questions Give 1 to 200 questions, each with the fields of its type.';
comment on constraint quiz_versions_size_ck on lms.quiz_versions is '422 /questions Give at most 256 KiB of questions.';

-- Nobody writes here but lms.save_quiz_version().
grant select on lms.quiz_versions to lms_api;

alter table lms.quiz_versions enable row level security;
create policy quiz_versions_own_roles on lms.quiz_versions to lms_api, lms_migrate using (true) with check (true);

-- Their keys

create table lms.quiz_answer_keys (
    quiz_id uuid not null,
    version_number integer not null,
    key jsonb not null,
    key_version integer not null default 1,
    updated_at timestamptz not null default now(),
    constraint quiz_answer_keys_pk primary key (quiz_id, version_number),
    -- CASCADE: without its questions a key says nothing.
    constraint quiz_answer_keys_version_fk foreign key (quiz_id, version_number)
    references lms.quiz_versions (quiz_id, version_number) on delete cascade,
    constraint quiz_answer_keys_key_ck check (jsonb_typeof(key) = 'object' and pg_column_size(key) <= 262144),
    constraint quiz_answer_keys_key_version_ck check (key_version >= 1)
);

comment on table lms.quiz_answer_keys is
    'What is right, for a version of a quiz. Granted to nobody: lms.save_quiz_version(), lms.correct_answer_key(), '
    'lms.read_answer_key(), lms.submit_attempt() and lms.review_attempt() are its doors. Personal data: none.';
comment on column lms.quiz_answer_keys.quiz_id is 'The quiz. Personal data: none.';
comment on column lms.quiz_answer_keys.version_number is 'The version of its questions. Personal data: none.';
comment on column lms.quiz_answer_keys.key is
    'A JSON object by the id of the question: {"type", "explanation"?, …}, by type single_choice "correct": id, '
    'multiple_choice "correct": [id], true_false "correct": boolean, short_answer "accepted": [text], "match_case"?, '
    'numeric "value" and "absolute_tolerance"? or "relative_tolerance"?, or "minimum" and "maximum", matching "correct": '
    '{stem: option}, essay nothing more. Personal data: none.';
comment on column lms.quiz_answer_keys.key_version is
    'Counts its corrections, so that one can tell which attempts were graded by an older one. Personal data: none.';
comment on column lms.quiz_answer_keys.updated_at is 'When it was last corrected. Personal data: none.';

comment on constraint quiz_answer_keys_pk on lms.quiz_answer_keys is '409 This version has a key already.';
comment on constraint quiz_answer_keys_version_fk on lms.quiz_answer_keys is '409 The quiz has no such version.';
comment on constraint quiz_answer_keys_key_ck on lms.quiz_answer_keys is
    '422 /key Give a JSON object of at most 256 KiB.';
comment on constraint quiz_answer_keys_key_version_ck on lms.quiz_answer_keys is '422 A version counts from 1.';

alter table lms.quiz_answer_keys enable row level security;
-- Not for lms_api: should a grant slip, it still sees nothing.
create policy quiz_answer_keys_own_roles on lms.quiz_answer_keys to lms_migrate using (true) with check (true);
