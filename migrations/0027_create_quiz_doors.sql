-- The doors to the keys of quizzes: functions that run as their owner, since the service cannot read a key.
--
-- why    whoever may save, read or correct a key, and what becomes of an attempt, is decided here for every statement
--        that will ever call them; none of them tells a student what is right before the quiz says so
-- locks  none
-- undo   drops the functions
--
-- A door to a client takes the token first and asks lms.actor() itself. Behind it in a query file,
-- `from lms.actor($1) as actor left join lms.…($1, …) as it on true`, no row of the door is 404, and a row that has the
-- version and nothing else is 412. A document of what a door has written is built from what it returns: the statement
-- around it still sees the tables as they were. What grades does without JIT, which takes a second to compile what runs
-- for some milliseconds.
--
-- depends: 0026_create_topic_performance

set local role lms_owner;

-- Questions and keys

create function lms.save_quiz_version(
    token_hash bytea, quiz_id uuid, seen_version integer, questions jsonb, key jsonb
)
returns table (version integer, version_number integer, max_score numeric)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    quiz record;
    defect record;
begin
    -- Locked first, so that the loser of a race is told the version that won.
    select quizzes.version, coalesce(quizzes.current_version, 0) + 1 as next_version
    into quiz
    from lms.quizzes
    join lms.courses on courses.course_id = quizzes.course_id
    cross join lms.actor(save_quiz_version.token_hash) as actor
    where
        quizzes.quiz_id = save_quiz_version.quiz_id
        and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for no key update of quizzes;
    if not found then
        return;
    end if;
    if quiz.version <> save_quiz_version.seen_version then
        return query select quiz.version, null::integer, null::numeric;
        return;
    end if;

    select found.rule, found.pointer into defect from lms.questions_defect(save_quiz_version.questions) as found;
    if defect.rule is null then
        select found.rule, found.pointer
        into defect
        from lms.key_defect(save_quiz_version.questions, save_quiz_version.key) as found;
    end if;
    if defect.rule is not null then
        perform lms.refuse(defect.rule, defect.pointer);
    end if;

    insert into lms.quiz_versions (quiz_id, version_number, questions)
    values (save_quiz_version.quiz_id, quiz.next_version, save_quiz_version.questions);
    insert into lms.quiz_answer_keys (quiz_id, version_number, key)
    values (save_quiz_version.quiz_id, quiz.next_version, save_quiz_version.key);
    update lms.quizzes
    set current_version = quiz.next_version, version = quizzes.version + 1, updated_at = now()
    where quizzes.quiz_id = save_quiz_version.quiz_id;
    return query select
        quiz.version + 1,
        quiz.next_version,
        lms.total_points(save_quiz_version.questions);
end;
$$;
comment on function lms.save_quiz_version(bytea, uuid, integer, jsonb, jsonb) is
    'Save questions and their key, both or neither, as the next version of a quiz, for whoever teaches its course and has '
    'seen its present version, null for whichever there is. No row: no such quiz for them. The version alone: another was '
    'seen. Refuses quiz_questions_form, quiz_questions_points, quiz_questions_twice, quiz_key_form, quiz_key_missing, '
    'quiz_key_range, quiz_key_twice, quiz_key_unknown_option, quiz_key_unknown_question, quiz_versions_size_ck, '
    'quiz_answer_keys_key_ck.';
grant execute on function lms.save_quiz_version(bytea, uuid, integer, jsonb, jsonb) to lms_api;

create function lms.correct_answer_key(
    token_hash bytea, quiz_id uuid, version_number integer, seen_key_version integer, key jsonb
)
returns table (key_version integer, corrected boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known record;
    defect record;
begin
    select keys.key_version, keys.key, versions.questions
    into known
    from lms.quiz_answer_keys as keys
    join lms.quiz_versions as versions
        on versions.quiz_id = keys.quiz_id and versions.version_number = keys.version_number
    join lms.quizzes on quizzes.quiz_id = keys.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    cross join lms.actor(correct_answer_key.token_hash) as actor
    where
        keys.quiz_id = correct_answer_key.quiz_id
        and keys.version_number = correct_answer_key.version_number
        and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for no key update of keys;
    if not found then
        return;
    end if;
    if known.key_version <> correct_answer_key.seen_key_version then
        return query select known.key_version, null::boolean;
        return;
    end if;
    select found.rule, found.pointer into defect from lms.key_defect(known.questions, correct_answer_key.key) as found;
    if defect.rule is not null then
        perform lms.refuse(defect.rule, defect.pointer);
    end if;
    if known.key = correct_answer_key.key then
        return query select known.key_version, false;
        return;
    end if;
    update lms.quiz_answer_keys as keys
    set key = correct_answer_key.key, key_version = keys.key_version + 1, updated_at = now()
    where keys.quiz_id = correct_answer_key.quiz_id and keys.version_number = correct_answer_key.version_number;
    return query select known.key_version + 1, true;
end;
$$;
comment on function lms.correct_answer_key(bytea, uuid, integer, integer, jsonb) is
    'Replace the key of a version whose questions stay, for whoever teaches the course and has seen its present version, '
    'null for whichever there is; whether that changed it. No row: no such version for them. The version alone: another '
    'was seen. Attempts are not graded again by this. Refuses quiz_key_form, quiz_key_missing, quiz_key_range, '
    'quiz_key_twice, quiz_key_unknown_option, quiz_key_unknown_question, quiz_answer_keys_key_ck.';
grant execute on function lms.correct_answer_key(bytea, uuid, integer, integer, jsonb) to lms_api;

create function lms.read_answer_key(token_hash bytea, quiz_id uuid, version_number integer)
returns table (key jsonb, key_version integer)
language sql stable security definer parallel safe rows 1
set search_path = pg_catalog, pg_temp
begin atomic
    select keys.key, keys.key_version
    from lms.actor(read_answer_key.token_hash) as actor
    cross join lms.quiz_answer_keys as keys
    join lms.quizzes on quizzes.quiz_id = keys.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    where
        keys.quiz_id = read_answer_key.quiz_id
        and keys.version_number = read_answer_key.version_number
        and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id);
end;
comment on function lms.read_answer_key(bytea, uuid, integer) is
    'The key of a version, for whoever teaches the course.';
grant execute on function lms.read_answer_key(bytea, uuid, integer) to lms_api;

-- Grading

create function lms.record_grades(attempt_ids uuid[])
returns table (attempt_id uuid, student_id uuid, score_before numeric, score numeric)
language plpgsql volatile
as $$
declare
    topic record;
begin
    -- The quizzes first, as lms.follow_week_number() has it: nobody moves them to another week meanwhile.
    perform
    from lms.quizzes
    where
        quizzes.quiz_id in (
            select attempts.quiz_id
            from lms.quiz_attempts as attempts
            where attempts.attempt_id in (select unnest(record_grades.attempt_ids))
        )
    order by quizzes.quiz_id
    for key share;
    perform
    from lms.quiz_attempts as attempts
    where attempts.attempt_id in (select unnest(record_grades.attempt_ids))
    order by attempts.attempt_id
    for no key update;
    -- Whoever corrects a key waits for us, or we for them: a regrade that is asked for afterwards misses no attempt.
    perform
    from lms.quiz_answer_keys as keys
    where
        exists (
            select
            from lms.quiz_attempts as attempts
            where
                attempts.attempt_id in (select unnest(record_grades.attempt_ids))
                and attempts.quiz_id = keys.quiz_id
                and attempts.quiz_version = keys.version_number
        )
    order by keys.quiz_id, keys.version_number
    for share;

    return query
    -- Each part by itself, so that no plan grades what was not asked for.
    with chosen as materialized (
        select
            attempts.attempt_id,
            attempts.quiz_id,
            attempts.quiz_version,
            attempts.answers,
            attempts.reviews,
            attempts.score
        from lms.quiz_attempts as attempts
        where
            attempts.attempt_id in (select unnest(record_grades.attempt_ids))
            and attempts.state <> 'in_progress'
    ),
    asked as materialized (
        select
            versions.quiz_id,
            versions.version_number,
            keys.key_version,
            -- Put together anew, they are decompressed here, and not again for each question of each attempt.
            versions.questions || '[]' as questions,
            keys.key || '{}' as key
        from (select distinct chosen.quiz_id, chosen.quiz_version from chosen) as needed
        join lms.quiz_versions as versions
            on versions.quiz_id = needed.quiz_id and versions.version_number = needed.quiz_version
        join lms.quiz_answer_keys as keys
            on keys.quiz_id = needed.quiz_id and keys.version_number = needed.quiz_version
    ),
    result as materialized (
        select
            chosen.attempt_id,
            chosen.score as score_before,
            asked.key_version,
            total.points,
            total.awaits_review,
            total.feedback
        from chosen
        join asked on asked.quiz_id = chosen.quiz_id and asked.version_number = chosen.quiz_version
        cross join lateral (
            select
                sum(question.points) as points,
                bool_or(question.awaits_review) as awaits_review,
                jsonb_object_agg(
                    question.question_id,
                    case
                        when question.comment is null then jsonb_build_object('points', question.points)
                        else jsonb_build_object('points', question.points, 'comment', question.comment)
                    end
                ) as feedback
            from lms.graded(asked.questions, asked.key, chosen.answers, chosen.reviews) as question
        ) as total
    )
    update lms.quiz_attempts as attempts
    set
        state = case when result.awaits_review then 'submitted' else 'graded' end,
        score = case when not result.awaits_review then result.points end,
        graded_at = case when not result.awaits_review then now() end,
        feedback = result.feedback,
        graded_by_key = result.key_version,
        version = attempts.version + 1
    from result
    where attempts.attempt_id = result.attempt_id
    returning attempts.attempt_id, attempts.student_id, result.score_before, attempts.score;

    for topic in
        select
            quizzes.course_id,
            array_agg(distinct quizzes.week_number) as weeks,
            array_agg(distinct attempts.student_id) as student_ids
        from lms.quiz_attempts as attempts
        join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
        where attempts.attempt_id in (select unnest(record_grades.attempt_ids)) and quizzes.week_number is not null
        group by quizzes.course_id
        order by quizzes.course_id
    loop
        perform lms.refresh_performance(topic.course_id, topic.weeks, topic.student_ids);
    end loop;
end;
$$;
comment on function lms.record_grades(uuid[]) is
    'Grade these attempts, those in progress excepted, by the present keys, and bring the performance of their students up '
    'to date; what each score was and is. Granted to nobody: the doors call it.';

create function lms.submit_attempt(token_hash bytea, attempt_id uuid, answers jsonb) returns setof lms.quiz_attempts
language plpgsql volatile security definer rows 1
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    handed_in text;
begin
    select attempts.state
    into handed_in
    from lms.quiz_attempts as attempts
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    cross join lms.actor(submit_attempt.token_hash) as actor
    where
        attempts.attempt_id = submit_attempt.attempt_id
        and attempts.student_id = actor.user_id
        and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    for no key update of attempts;
    if not found then
        return;
    end if;
    if handed_in = 'in_progress' then
        update lms.quiz_attempts as attempts
        set
            -- now() is when the request came, however long it waited. Clocks and networks are given five seconds.
            answers = case
                when attempts.due_at + interval '5 seconds' < now() then attempts.answers
                else coalesce(submit_attempt.answers, attempts.answers)
            end,
            submitted_at = least(attempts.due_at, now()),
            state = 'submitted'
        where attempts.attempt_id = submit_attempt.attempt_id;
        perform lms.record_grades(array[submit_attempt.attempt_id]);
        -- Here, since of all who hand it in at once only this one knows that it was the first.
        insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
        select
            attempts.student_id,
            'attempts.submit',
            attempts.student_id,
            quizzes.course_id,
            jsonb_build_object('state', jsonb_build_object('from', handed_in, 'to', attempts.state))
        from lms.quiz_attempts as attempts
        join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
        where attempts.attempt_id = submit_attempt.attempt_id;
    end if;
    return query
    select attempts.*   -- the function's type is that of the table
    from lms.quiz_attempts as attempts
    where attempts.attempt_id = submit_attempt.attempt_id;
end;
$$;
comment on function lms.submit_attempt(bytea, uuid, jsonb) is
    'Hand in an attempt of one''s own, grade it and leave a row of audit, with these answers, null for those saved; the '
    'attempt as it is then. '
    'What comes more than five seconds after it was due counts as it was saved. What was handed in already stays as it is. '
    'No row: no such attempt of theirs.';
grant execute on function lms.submit_attempt(bytea, uuid, jsonb) to lms_api;

create function lms.reviews_defect(questions jsonb, reviews jsonb, out rule text, out pointer text)
language sql immutable parallel safe
begin atomic
    select found.rule, found.pointer
    from (
        select 1 as place, 'quiz_reviews_form' as rule, '/reviews' as pointer
        where jsonb_typeof(reviews) is distinct from 'object'
        union all
        select
            2,
            case
                when question.document is null then 'quiz_reviews_unknown_question'
                when given.review = 'null' then null
                when not lms.has_fields(given.review, '{points}', '{comment}') then 'quiz_reviews_form'
                when not lms.is_label(given.review -> 'comment', 5000) then 'quiz_reviews_form'
                when jsonb_typeof(given.review -> 'points') <> 'number' then 'quiz_reviews_points'
                when
                    (given.review -> 'points')::numeric < 0
                    or (given.review -> 'points')::numeric > (question.document -> 'points')::numeric
                    or (given.review -> 'points')::numeric <> round((given.review -> 'points')::numeric, 2)
                    then 'quiz_reviews_points'
            end,
            '/reviews/' || replace(replace(given.id, '~', '~0'), '/', '~1')
        from jsonb_each(
            case jsonb_typeof(reviews_defect.reviews) when 'object' then reviews_defect.reviews else '{}' end
        ) as given (id, review)
        left join jsonb_array_elements(reviews_defect.questions) as question (document)
            on question.document ->> 'id' = given.id
    ) as found
    where found.rule is not null
    order by found.place, found.pointer
    limit 1;
end;
comment on function lms.reviews_defect(jsonb, jsonb) is
    'The first thing that is wrong with the reviews of an attempt at these questions, as the name of a rule and a JSON '
    'pointer; nulls where nothing is. Refuses quiz_reviews_form, quiz_reviews_points, quiz_reviews_unknown_question.';

create function lms.review_attempt(token_hash bytea, attempt_id uuid, seen_version integer, reviews jsonb)
returns setof lms.quiz_attempts
language plpgsql volatile security definer rows 1
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    known record;
    defect record;
    stale lms.quiz_attempts;
begin
    select attempts.version, attempts.state, versions.questions
    into known
    from lms.quiz_attempts as attempts
    join lms.quiz_versions as versions
        on versions.quiz_id = attempts.quiz_id and versions.version_number = attempts.quiz_version
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    cross join lms.actor(review_attempt.token_hash) as actor
    where
        attempts.attempt_id = review_attempt.attempt_id
        and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for no key update of attempts;
    if not found then
        return;
    end if;
    if known.version <> review_attempt.seen_version then
        stale.version := known.version;
        return next stale;
        return;
    end if;
    if known.state = 'in_progress' then
        perform lms.refuse('quiz_attempts_handed_in');
    end if;
    select found.rule, found.pointer
    into defect
    from lms.reviews_defect(known.questions, review_attempt.reviews) as found;
    if defect.rule is not null then
        perform lms.refuse(defect.rule, defect.pointer);
    end if;
    update lms.quiz_attempts as attempts
    set reviews = jsonb_strip_nulls(attempts.reviews || review_attempt.reviews)
    where attempts.attempt_id = review_attempt.attempt_id;
    perform lms.record_grades(array[review_attempt.attempt_id]);
    return query
    select attempts.*   -- the function's type is that of the table
    from lms.quiz_attempts as attempts
    where attempts.attempt_id = review_attempt.attempt_id;
end;
$$;
comment on function lms.review_attempt(bytea, uuid, integer, jsonb) is
    'Give points and comments to questions of an attempt that was handed in, for whoever teaches the course and has seen '
    'its present version, null for whichever there is, and grade it again; the attempt as it is then. Reviews of other '
    'questions stay, null takes one back. No row: no such attempt for them. The version alone: another was seen. '
    'Refuses quiz_attempts_handed_in, quiz_reviews_form, quiz_reviews_points, quiz_reviews_unknown_question.';
grant execute on function lms.review_attempt(bytea, uuid, integer, jsonb) to lms_api;

create function lms.submit_overdue_attempts(most integer) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    overdue uuid[];
begin
    overdue := array(
        select attempts.attempt_id
        from lms.quiz_attempts as attempts
        -- Who hands it in at the last moment is in time: see lms.submit_attempt().
        where attempts.state = 'in_progress' and attempts.due_at + interval '5 seconds' < now()
        order by attempts.due_at, attempts.attempt_id
        limit submit_overdue_attempts.most
        for no key update skip locked
    );
    update lms.quiz_attempts as attempts
    set submitted_at = attempts.due_at, state = 'submitted'
    where attempts.attempt_id in (select unnest(overdue));
    perform lms.record_grades(overdue);
    -- As lms.submit_attempt() has it, but nobody did it.
    insert into lms.audit_events (action, user_id, course_id, changes)
    select
        'attempts.submit',
        attempts.student_id,
        quizzes.course_id,
        jsonb_build_object('state', jsonb_build_object('from', 'in_progress', 'to', attempts.state))
    from lms.quiz_attempts as attempts
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    where attempts.attempt_id in (select unnest(overdue));
    return cardinality(overdue);
end;
$$;
comment on function lms.submit_overdue_attempts(integer) is
    'Hand in and grade what was due more than five seconds ago, so many at most, and leave a row of audit about each; how '
    'many that were.';
comment on column lms.audit_events.actor_id is
    'Who did it; null for the command line, and for the worker, where nobody asked it to. '
    'Personal data: identity (a pseudonym).';
grant execute on function lms.submit_overdue_attempts(integer) to lms_worker;

create function lms.regrade_attempts(quiz_id uuid, most integer)
returns table (attempt_id uuid, student_id uuid, score_before numeric, score numeric)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
    return query
    select regraded.attempt_id, regraded.student_id, regraded.score_before, regraded.score
    from lms.record_grades(array(
        select outdated.attempt_id
        from lms.quiz_answer_keys as keys
        cross join lateral (
            -- Never graded by a key means in progress, or imported with its score.
            select attempts.attempt_id
            from lms.quiz_attempts as attempts
            where
                attempts.quiz_id = keys.quiz_id
                and attempts.quiz_version = keys.version_number
                and attempts.graded_by_key < keys.key_version
            order by attempts.graded_by_key, attempts.attempt_id
            limit regrade_attempts.most
        ) as outdated
        where keys.quiz_id = regrade_attempts.quiz_id
        order by outdated.attempt_id
        limit regrade_attempts.most
    )) as regraded;
end;
$$;
comment on function lms.regrade_attempts(uuid, integer) is
    'Grade attempts at a quiz again that an older key graded, so many at most; what each score was and is. No row: none is '
    'left.';
grant execute on function lms.regrade_attempts(uuid, integer) to lms_worker;

-- What a student gets to see

create function lms.shows_feedback(
    feedback_policy text, quiz_state text, closes_at timestamptz, attempt_state text
) returns boolean
language sql stable parallel safe
begin atomic
    select
        attempt_state <> 'in_progress'
        and case feedback_policy
            when 'after_submit' then true
            when 'after_close' then quiz_state = 'closed' or coalesce(closes_at <= now(), false)
            else false
        end;
end;
comment on function lms.shows_feedback(text, text, timestamptz, text) is
    'Whether a student may see points by question, right answers and explanations of an attempt in this state, by the '
    'policy of the quiz.';
grant execute on function lms.shows_feedback(text, text, timestamptz, text) to lms_api;

-- Volatile, so that behind lms.submit_attempt() in one statement it sees the attempt as that has left it.
create function lms.reveal_answer_key(token_hash bytea, attempt_id uuid) returns table (key jsonb)
language sql volatile security definer rows 1
set search_path = pg_catalog, pg_temp
begin atomic
    select keys.key
    from lms.actor(reveal_answer_key.token_hash) as actor
    cross join lms.quiz_attempts as attempts
    join lms.quiz_answer_keys as keys
        on keys.quiz_id = attempts.quiz_id and keys.version_number = attempts.quiz_version
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    where
        attempts.attempt_id = reveal_answer_key.attempt_id
        and attempts.student_id = actor.user_id
        and lms.shows_feedback(quizzes.feedback_policy, quizzes.state, quizzes.closes_at, attempts.state)
        and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state));
end;
comment on function lms.reveal_answer_key(bytea, uuid) is
    'The key to an attempt of one''s own, once the quiz says that it may be seen. No row: not yet, or no such attempt.';
grant execute on function lms.reveal_answer_key(bytea, uuid) to lms_api;
