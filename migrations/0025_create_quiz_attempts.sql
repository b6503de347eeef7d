-- Quiz attempts: what a student answered, and what it was worth; and how that is found out.
--
-- why    an attempt keeps the version of the questions it was started on, so that it can be graded again at any time,
--        and a person can read how a score came to be
-- locks  users and quiz_versions, SHARE ROW EXCLUSIVE, for the foreign keys; no rows are scanned
-- undo   drops the table, and every attempt with it
--
-- depends: 0024_create_quizzes

set local role lms_owner;

create table lms.quiz_attempts (
    attempt_id uuid not null default lms.uuidv7(),
    quiz_id uuid not null,
    quiz_version integer not null,
    student_id uuid not null,
    -- Never written: with it the foreign key refuses whoever is no student.
    student_role text not null generated always as ('student') stored,
    attempt_number smallint not null,
    state text not null default 'in_progress',
    answers jsonb not null default '{}',
    reviews jsonb not null default '{}',
    feedback jsonb,
    score numeric(8, 2),
    max_score numeric(8, 2) not null,
    graded_by_key integer,
    started_at timestamptz not null default now(),
    due_at timestamptz,
    submitted_at timestamptz,
    graded_at timestamptz,
    version integer not null default 1,
    constraint quiz_attempts_pk primary key (attempt_id),
    constraint quiz_attempts_attempt_number_uq unique (student_id, quiz_id, attempt_number),
    -- RESTRICT: a quiz that was taken is closed, not deleted.
    constraint quiz_attempts_quiz_version_fk foreign key (quiz_id, quiz_version)
    references lms.quiz_versions (quiz_id, version_number) on delete restrict,
    -- RESTRICT: what somebody learned is not deleted with their account, but archived or erased on its own.
    constraint quiz_attempts_student_id_fk foreign key (student_id, student_role)
    references lms.users (user_id, role) on update restrict on delete restrict,
    constraint quiz_attempts_attempt_number_ck check (attempt_number >= 1),
    constraint quiz_attempts_state_ck check (state in ('in_progress', 'submitted', 'graded')),
    constraint quiz_attempts_answers_ck check (jsonb_typeof(answers) = 'object' and pg_column_size(answers) <= 262144),
    constraint quiz_attempts_reviews_ck check (jsonb_typeof(reviews) = 'object' and pg_column_size(reviews) <= 262144),
    constraint quiz_attempts_feedback_ck check (jsonb_typeof(feedback) = 'object'),
    constraint quiz_attempts_max_score_ck check (max_score > 0),
    constraint quiz_attempts_score_ck check (score between 0 and max_score),
    constraint quiz_attempts_graded_ck check (
        (state = 'graded') = (score is not null) and (state = 'graded') = (graded_at is not null)
    ),
    constraint quiz_attempts_submitted_ck check ((state = 'in_progress') = (submitted_at is null)),
    constraint quiz_attempts_due_at_ck check (due_at >= started_at),
    constraint quiz_attempts_version_ck check (version >= 1)
);

comment on table lms.quiz_attempts is 'A student taking a quiz. Personal data: learning record.';
comment on column lms.quiz_attempts.attempt_id is 'Key, UUIDv7. Personal data: none.';
comment on column lms.quiz_attempts.quiz_id is 'The quiz. Personal data: learning record.';
comment on column lms.quiz_attempts.quiz_version is 'The version of its questions that was asked. Personal data: none.';
comment on column lms.quiz_attempts.student_id is 'Who takes it. Personal data: identity (a pseudonym).';
comment on column lms.quiz_attempts.student_role is
    'Always student, for quiz_attempts_student_id_fk. Personal data: none.';
comment on column lms.quiz_attempts.attempt_number is
    'From 1, for this student and quiz. Personal data: learning record.';
comment on column lms.quiz_attempts.state is
    'in_progress, submitted (some of it waits for a person), or graded. Personal data: learning record.';
comment on column lms.quiz_attempts.answers is
    'A JSON object by the id of the question, as 0024_create_quizzes says; what is missing or has another form is no '
    'answer. Personal data: learning record.';
comment on column lms.quiz_attempts.reviews is
    'What a person decided, a JSON object by the id of the question: {"points", "comment"?}; it goes before what the key '
    'says, also when the attempt is graded again. Personal data: learning record.';
comment on column lms.quiz_attempts.feedback is
    'What lms.graded() found, a JSON object by the id of the question: {"points", "comment"?}, the points null where an '
    'answer waits for a person; never what would have been right. Null while in progress. Personal data: learning record.';
comment on column lms.quiz_attempts.score is
    'The points of all questions together; null until all have some. Personal data: learning record.';
comment on column lms.quiz_attempts.max_score is 'quiz_versions.max_score of what was asked. Personal data: none.';
comment on column lms.quiz_attempts.graded_by_key is
    'quiz_answer_keys.key_version of the key that it was last graded by; null if none did. Personal data: none.';
comment on column lms.quiz_attempts.started_at is 'When it was started. Personal data: learning record.';
comment on column lms.quiz_attempts.due_at is
    'Until when it can be worked on, by the clock of the database: the time limit or the end of the quiz, whichever is '
    'first; null if there is neither. Personal data: learning record.';
comment on column lms.quiz_attempts.submitted_at is
    'When it was handed in; null while in progress. Personal data: learning record.';
comment on column lms.quiz_attempts.graded_at is
    'When the score was last found; null without one. Personal data: learning record.';
comment on column lms.quiz_attempts.version is 'Counts the edits, for autosave and If-Match. Personal data: none.';

comment on constraint quiz_attempts_pk on lms.quiz_attempts is '409 This attempt exists already.';
comment on constraint quiz_attempts_attempt_number_uq on lms.quiz_attempts is
    '409 This attempt was started already.';
comment on constraint quiz_attempts_quiz_version_fk on lms.quiz_attempts is '409 The quiz was taken already.';
comment on constraint quiz_attempts_student_id_fk on lms.quiz_attempts is '409 This person has taken quizzes.';
comment on constraint quiz_attempts_attempt_number_ck on lms.quiz_attempts is '422 Attempts are numbered from 1.';
comment on constraint quiz_attempts_state_ck on lms.quiz_attempts is '422 /state Use in_progress, submitted or graded.';
comment on constraint quiz_attempts_answers_ck on lms.quiz_attempts is
    '422 /answers Give a JSON object of at most 256 KiB.';
comment on constraint quiz_attempts_reviews_ck on lms.quiz_attempts is
    '422 /reviews Give a JSON object of at most 256 KiB.';
comment on constraint quiz_attempts_feedback_ck on lms.quiz_attempts is '422 Feedback is a JSON object.';
comment on constraint quiz_attempts_max_score_ck on lms.quiz_attempts is '422 Questions are worth more than nothing.';
comment on constraint quiz_attempts_score_ck on lms.quiz_attempts is
    '422 A score is at least 0 and at most what the questions are worth.';
comment on constraint quiz_attempts_graded_ck on lms.quiz_attempts is '422 What is graded has a score and its time.';
comment on constraint quiz_attempts_submitted_ck on lms.quiz_attempts is
    '422 What was handed in has the time of it, and nothing else has.';
comment on constraint quiz_attempts_due_at_ck on lms.quiz_attempts is '422 An attempt is due after its start.';
comment on constraint quiz_attempts_version_ck on lms.quiz_attempts is '422 A version counts from 1.';

-- Serves the starting of an attempt: who has one in progress gets that one.
create unique index quiz_attempts_in_progress_uq on lms.quiz_attempts (student_id, quiz_id)
where state = 'in_progress';
comment on index lms.quiz_attempts_in_progress_uq is '409 You are taking this quiz already.';
-- Serves lms.submit_overdue_attempts().
create index quiz_attempts_due_at_attempt_id_ix on lms.quiz_attempts (due_at, attempt_id) where state = 'in_progress';
-- Serves lms.regrade_attempts(): what an older key graded; and the deletion of a quiz.
create index quiz_attempts_quiz_id_quiz_version_graded_by_key_attempt_id_ix
on lms.quiz_attempts (quiz_id, quiz_version, graded_by_key, attempt_id);

-- What is handed in, reviewed and scored, only lms.submit_attempt() and lms.review_attempt() write.
grant select on lms.quiz_attempts to lms_api;
grant insert (quiz_id, quiz_version, student_id, attempt_number, max_score, due_at) on lms.quiz_attempts to lms_api;
grant update (answers, version) on lms.quiz_attempts to lms_api;

alter table lms.quiz_attempts enable row level security;
create policy quiz_attempts_own_roles on lms.quiz_attempts to lms_api, lms_migrate using (true) with check (true);

create function lms.spelled(answer text, match_case boolean) returns text
language sql immutable parallel safe
begin atomic
    -- Decomposed, which equates the same texts as NFC does: in the locale C only ASCII has a lower case, and so É has,
    -- which is E and an accent. PostgreSQL's \s knows no space beyond ASCII.
    select
        btrim(
            regexp_replace(
                case when match_case then normalize(answer, nfd) else lower(normalize(answer, nfd)) end,
                '[\s\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]+',
                ' ',
                'g'
            )
        );
end;
comment on function lms.spelled(text, boolean) is
    'A short answer as it is compared: composed or not (Unicode), without space at its ends and with single spaces within, '
    'and in lower case unless case matters.';

-- Flat, so that it is inlined and one scan of the questions grades an attempt; a function for each question takes a
-- multiple of the time. Any JSON can be an answer: what has another form than an answer of this type is none.
create function lms.graded(questions jsonb, key jsonb, answers jsonb, reviews jsonb)
returns table (
    question_id text,
    max_points numeric,
    points numeric,
    is_right boolean,
    awaits_review boolean,
    comment text
)
language sql immutable parallel safe
begin atomic
    select
        its.id,
        its.points,
        -- By question, so that what is shown adds up to the score.
        case
            when review.points is not null then review.points
            when not earned.awaits_review then round(its.points * coalesce(earned.share, 0), 2)
        end,
        case
            when review.points is not null then review.points = its.points
            when not earned.awaits_review then coalesce(earned.share, 0) = 1
        end,
        review.points is null and earned.awaits_review,
        review.comment
    from jsonb_array_elements(graded.questions) as question (document)
    cross join lateral (
        select
            question.document ->> 'id' as id,
            question.document ->> 'type' as type,
            (question.document -> 'points')::numeric as points,
            graded.answers -> (question.document ->> 'id') as given,
            graded.key -> (question.document ->> 'id') as key
        -- Once for each question: pulled up, each would be looked up wherever it is named.
        offset 0 -- noqa: PRS
    ) as its
    cross join lateral (
        select
            case its.type
                when 'single_choice' then (its.given = its.key -> 'correct')::integer
                when 'true_false' then (its.given = its.key -> 'correct')::integer
                when 'multiple_choice'
                    then
                        -- The right ones that were chosen less the wrong ones, of all that are right.
                        case jsonb_typeof(its.given)
                            when 'array'
                                then (
                                    select
                                        greatest(
                                            sum(case when its.key -> 'correct' ? (option ->> 'id') then 1 else -1 end),
                                            0
                                        )::numeric / jsonb_array_length(its.key -> 'correct')
                                    from jsonb_array_elements(question.document -> 'options') as option
                                    where its.given ? (option ->> 'id')
                                )
                        end
                when 'short_answer'
                    then
                        case
                            when jsonb_typeof(its.given) <> 'string' then 0
                            when its.key -> 'accepted' ? (its.given #>> '{}') then 1
                            else (
                                select count(*)
                                from (
                                    select
                                        lms.spelled(
                                            its.given #>> '{}', coalesce((its.key -> 'match_case')::boolean, false)
                                        ) as spelling
                                    -- Once, and not for each accepted spelling.
                                    offset 0 -- noqa: PRS
                                ) as given
                                where exists (
                                    select
                                    from jsonb_array_elements_text(its.key -> 'accepted') as accepted (spelling)
                                    where
                                        lms.spelled(
                                            accepted.spelling, coalesce((its.key -> 'match_case')::boolean, false)
                                        )
                                        = given.spelling
                                )
                            )
                        end
                when 'numeric'
                    then
                        case jsonb_typeof(its.given)
                            when 'number'
                                then
                                    case
                                        when its.key ? 'minimum'
                                            then
                                                its.given::numeric between (its.key -> 'minimum')::numeric
                                                and (its.key -> 'maximum')::numeric
                                        else
                                            abs(its.given::numeric - (its.key -> 'value')::numeric) <= coalesce(
                                                (its.key -> 'absolute_tolerance')::numeric,
                                                (its.key -> 'relative_tolerance')::numeric
                                                * abs((its.key -> 'value')::numeric),
                                                0
                                            )
                                    end::integer
                        end
                when 'matching'
                    then
                        case jsonb_typeof(its.given)
                            when 'object'
                                then (
                                    select
                                        count(*) filter (where its.given -> pair.key = pair.value)::numeric
                                        / nullif(count(*), 0)
                                    from jsonb_each(its.key -> 'correct') as pair
                                )
                        end
            end as share,
            coalesce(
                its.type = 'essay' and jsonb_typeof(its.given) = 'string' and its.given #>> '{}' ~ '[^ \t\n\r\f\v]',
                false
            ) as awaits_review
        -- Likewise once: the share is named twice.
        offset 0 -- noqa: PRS
    ) as earned
    cross join lateral (
        select
            (graded.reviews -> its.id -> 'points')::numeric as points,
            graded.reviews -> its.id ->> 'comment' as comment
    ) as review;
end;
comment on function lms.graded(jsonb, jsonb, jsonb, jsonb) is
    'What each question of an attempt is worth, by questions, key, answers and what a person decided before. All or '
    'nothing for single_choice, true_false, short_answer and numeric; multiple_choice (right chosen - wrong chosen) / '
    'right, at least 0; matching by pair; an essay that is not blank waits for a person, its points null. Rounded to two '
    'decimals.';
