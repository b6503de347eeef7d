-- The doors to the keys, mended before anybody went through them.
--
-- why    handing in leaves a row of audit, whoever does it; a person who is graded anew is told, as by a regrade; a key
--        cannot be corrected between the grading by the old one and the regrade that is to find it; one attempt that
--        cannot be graded does not keep all others from being handed in; an answer cannot be so long that comparing it
--        takes minutes; Greek in capitals is Greek
-- locks  none
-- undo   makes the functions what they were
--
-- depends: 0033_index_quiz_attempts_under_way

set local role lms_owner;

create or replace function lms.spelled(answer text, match_case boolean) returns text
language sql immutable parallel safe
begin atomic
    -- Decomposed, which equates the same texts as NFC does: in the locale C only ASCII has a lower case, and so É has,
    -- which is E and an accent. A Greek word ends in a sigma of its own, which its capitals do not tell.
    -- PostgreSQL's \s knows no space beyond ASCII.
    -- Decomposing takes the square of the length, if somebody means it ill, and cannot be interrupted: so there is an
    -- end, twice as long as an accepted spelling can be.
    select
        case
            when length(answer) <= 1000
                then
                    btrim(
                        regexp_replace(
                            case
                                when match_case then normalize(answer, nfd)
                                else translate(lower(normalize(answer, nfd)), 'ς', 'σ')
                            end,
                            '[\s\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]+',
                            ' ',
                            'g'
                        )
                    )
        end;
end;
comment on function lms.spelled(text, boolean) is
    'A short answer as it is compared: composed or not (Unicode), without space at its ends and with single spaces within, '
    'and in lower case unless case matters; null for more than 1,000 characters, which is never right.';

-- A plan that is made while the tables are small is kept for a time in which they grow: it goes by their keys from the
-- start.
create or replace function lms.refresh_performance(course_id uuid, weeks smallint[], student_ids uuid[]) returns integer
language plpgsql volatile
set enable_seqscan = off
as $$
declare
    changed integer;
begin
    -- Whoever changes the policy waits for us, or we for them: see lms.follow_mastery_policy().
    perform from lms.courses where courses.course_id = refresh_performance.course_id for key share;
    -- In turn with whoever grades another attempt of the same student on the course. What they committed, the next
    -- statement sees, which so is one of its own.
    perform
    from lms.student_enrollments as enrollments
    where
        enrollments.course_id = refresh_performance.course_id
        and enrollments.student_id in (select unnest(refresh_performance.student_ids))
    order by enrollments.student_id
    for no key update;

    with computed as materialized (
        select
            graded.student_id,
            weeks.week_number,
            scores.attempts,
            scores.best_score,
            scores.last_score,
            scores.average_score,
            scores.mastery
        from (select distinct unnest(refresh_performance.student_ids) as student_id) as graded
        cross join (select distinct unnest(refresh_performance.weeks) as week_number) as weeks
        left join lateral (
            select
                performance.attempts,
                performance.best_score,
                performance.last_score,
                performance.average_score,
                performance.mastery
            from lms.computed_performance() as performance
            where
                performance.student_id = graded.student_id
                and performance.course_id = refresh_performance.course_id
                and performance.week_number = weeks.week_number
            offset 0   -- student by student: joined, a whole course would be computed for one of them
        ) as scores on true
    ),
    -- Rows apart, and few: whatever the plan, what is kept is not compared with all of them.
    without as materialized (
        select computed.student_id, computed.week_number from computed where computed.attempts is null
    ),
    gone as (
        delete from lms.topic_performance
        where
            -- Their places, each looked up by its key: joined, a plan that was made for a small table reads the course
            -- again for each of them. Nobody moves them meanwhile: their enrolments are locked, and the
            -- course is against another policy.
            topic_performance.ctid = any(
                array(
                    select place.ctid
                    from without
                    cross join lateral (
                        select known.ctid
                        from lms.topic_performance as known
                        where
                            known.student_id = without.student_id
                            and known.course_id = refresh_performance.course_id
                            and known.week_number = without.week_number
                        offset 0
                    ) as place
                )
            )
        returning topic_performance.student_id
    ),
    written as (
        insert into lms.topic_performance as known (
            student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery
        )
        select
            computed.student_id,
            refresh_performance.course_id,
            computed.week_number,
            computed.attempts,
            computed.best_score,
            computed.last_score,
            computed.average_score,
            computed.mastery
        from computed
        where computed.attempts is not null
        on conflict on constraint topic_performance_pk do update
        set
            attempts = excluded.attempts,
            best_score = excluded.best_score,
            last_score = excluded.last_score,
            average_score = excluded.average_score,
            mastery = excluded.mastery,
            updated_at = now()
        where
            (known.attempts, known.best_score, known.last_score, known.average_score, known.mastery)
            is distinct from
            (excluded.attempts, excluded.best_score, excluded.last_score, excluded.average_score, excluded.mastery)
        returning known.student_id
    )
    select (select count(*) from gone) + (select count(*) from written) into changed;
    return changed;
end;
$$;

create or replace function lms.record_grades(attempt_ids uuid[])
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

create or replace function lms.submit_attempt(token_hash bytea, attempt_id uuid, answers jsonb)
returns setof lms.quiz_attempts
language plpgsql volatile security definer rows 1
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    handed_in text;
begin
    -- The quiz first, as lms.record_grades() has it, and lms.follow_quiz_times().
    perform
    from lms.quizzes
    where
        quizzes.quiz_id = (
            select attempts.quiz_id from lms.quiz_attempts as attempts where attempts.attempt_id = submit_attempt.attempt_id
        )
    for key share;
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

create or replace function lms.review_attempt(token_hash bytea, attempt_id uuid, seen_version integer, reviews jsonb)
returns setof lms.quiz_attempts
language plpgsql volatile security definer rows 1
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    known record;
    defect record;
    stale lms.quiz_attempts;
    reviewed lms.quiz_attempts;
    score_before numeric;
    change_id uuid;
begin
    -- The quiz first, as lms.record_grades() has it, and lms.follow_quiz_times().
    perform
    from lms.quizzes
    where
        quizzes.quiz_id = (
            select attempts.quiz_id from lms.quiz_attempts as attempts where attempts.attempt_id = review_attempt.attempt_id
        )
    for key share;
    select
        attempts.version,
        attempts.state,
        attempts.student_id,
        attempts.score,
        versions.questions,
        quizzes.course_id,
        courses.state as course_state,
        actor.user_id as reviewer_id
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
    select attempts.*   -- the function's type is that of the table
    into reviewed
    from lms.quiz_attempts as attempts
    where attempts.attempt_id = review_attempt.attempt_id;

    score_before := coalesce(
        known.score,
        -- Without a score, since a review was taken back: the last one that there was.
        (
            select (events.changes -> 'score' ->> 'to')::numeric
            from lms.audit_events as events
            where
                events.user_id = known.student_id
                and events.action in ('grades.update', 'grades.regrade')
                and events.changes -> 'attempt_id' ->> 'to' = review_attempt.attempt_id::text
                and jsonb_typeof(events.changes -> 'score' -> 'to') = 'number'
            order by events.audit_event_id desc
            limit 1
        )
    );
    -- Here, since only who has the row locked knows what the score was.
    insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
    values (
        known.reviewer_id,
        'grades.update',
        known.student_id,
        known.course_id,
        jsonb_build_object(
            'attempt_id', jsonb_build_object('from', review_attempt.attempt_id, 'to', review_attempt.attempt_id),
            'score', jsonb_build_object('from', known.score, 'to', reviewed.score)
        )
    );
    if reviewed.score <> score_before then
        insert into lms.score_changes (attempt_id, score_before, score)
        values (review_attempt.attempt_id, score_before, reviewed.score)
        returning score_change_id into change_id;
        -- Who can no longer see the score is not told of it either.
        insert into lms.email_outbox (kind, user_id, course_id, score_change_id)
        select
            'score_changed',
            known.student_id,
            known.course_id,
            change_id
        where
            exists (
                select from lms.can_attend(known.student_id, 'student', known.course_id, known.course_state)
            );
    end if;
    return next reviewed;
end;
$$;
comment on function lms.review_attempt(bytea, uuid, integer, jsonb) is
    'Give points and comments to questions of an attempt that was handed in, for whoever teaches the course and has seen '
    'its present version, null for whichever there is, and grade it again; the attempt as it is then. A row of audit '
    'stays behind, and a mail if it had another score before. Reviews of other questions stay, null takes one back. No row: no such attempt for them. The version alone: another was seen. '
    'Refuses quiz_attempts_handed_in, quiz_reviews_form, quiz_reviews_points, quiz_reviews_unknown_question, '
    'quiz_attempts_reviews_ck.';

create function lms.hand_in_overdue_attempts(attempt_ids uuid[]) returns integer
language plpgsql volatile
as $$
begin
    update lms.quiz_attempts as attempts
    set submitted_at = attempts.due_at, state = 'submitted'
    where attempts.attempt_id in (select unnest(hand_in_overdue_attempts.attempt_ids));
    perform lms.record_grades(hand_in_overdue_attempts.attempt_ids);
    -- Nobody did it: there is no actor.
    insert into lms.audit_events (action, user_id, course_id, changes)
    select
        'attempts.submit',
        attempts.student_id,
        quizzes.course_id,
        jsonb_build_object('state', jsonb_build_object('from', 'in_progress', 'to', attempts.state))
    from lms.quiz_attempts as attempts
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    where attempts.attempt_id in (select unnest(hand_in_overdue_attempts.attempt_ids));
    return cardinality(hand_in_overdue_attempts.attempt_ids);
end;
$$;
comment on function lms.hand_in_overdue_attempts(uuid[]) is
    'Hand in and grade these attempts, which their caller has locked, as they were saved last, each with a row of audit; '
    'how many those are. Granted to nobody: lms.submit_overdue_attempts() calls it.';

-- It takes and says more than it did; its one client, the worker, comes with this release.
-- squawk-ignore ban-drop-function
drop function lms.submit_overdue_attempts(integer);
create function lms.submit_overdue_attempts(most integer, skip integer)
returns table (attempts integer, left_behind integer)
language plpgsql volatile security definer rows 1
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    overdue uuid[];
    overdue_id uuid;
begin
    attempts := 0;
    left_behind := 0;
    overdue := array(
        select taken.attempt_id
        from lms.quiz_attempts as taken
        -- Who hands it in at the last moment is in time: see lms.submit_attempt().
        where taken.state = 'in_progress' and taken.due_at + interval '5 seconds' < now()
        order by taken.due_at, taken.attempt_id
        limit submit_overdue_attempts.most offset submit_overdue_attempts.skip
    );
    -- The quizzes first, as there. Meanwhile some may have been handed in.
    perform
    from lms.quizzes
    where quizzes.quiz_id in (select taken.quiz_id from lms.quiz_attempts as taken where taken.attempt_id = any(overdue))
    order by quizzes.quiz_id
    for key share;
    overdue := array(
        select taken.attempt_id
        from lms.quiz_attempts as taken
        where
            taken.attempt_id = any(overdue)
            and taken.state = 'in_progress'
            and taken.due_at + interval '5 seconds' < now()
        order by taken.attempt_id
        for no key update skip locked
    );
    begin
        attempts := lms.hand_in_overdue_attempts(overdue);
        return next;
        return;
    exception when others then
        raise warning 'of % overdue attempts one cannot be handed in: %', cardinality(overdue), sqlerrm;
    end;
    -- What is wrong with one of them does not keep the others waiting: each by itself. All that they lock is locked
    -- before, in the order in which lms.record_grades() and lms.refresh_performance() do it for many.
    perform
    from lms.quiz_answer_keys as keys
    where
        (keys.quiz_id, keys.version_number) in (
            select taken.quiz_id, taken.quiz_version from lms.quiz_attempts as taken where taken.attempt_id = any(overdue)
        )
    order by keys.quiz_id, keys.version_number
    for share;
    perform
    from lms.courses
    where
        courses.course_id in (
            select quizzes.course_id
            from lms.quiz_attempts as taken
            join lms.quizzes on quizzes.quiz_id = taken.quiz_id
            where taken.attempt_id = any(overdue)
        )
    order by courses.course_id
    for key share;
    perform
    from lms.student_enrollments as enrollments
    where
        (enrollments.course_id, enrollments.student_id) in (
            select quizzes.course_id, taken.student_id
            from lms.quiz_attempts as taken
            join lms.quizzes on quizzes.quiz_id = taken.quiz_id
            where taken.attempt_id = any(overdue)
        )
    order by enrollments.course_id, enrollments.student_id
    for no key update;
    foreach overdue_id in array overdue loop
        begin
            attempts := attempts + lms.hand_in_overdue_attempts(array[overdue_id]);
        exception when others then
            left_behind := left_behind + 1;
            raise warning 'attempt % is overdue and cannot be handed in: %', overdue_id, sqlerrm;
        end;
    end loop;
    return next;
end;
$$;
comment on function lms.submit_overdue_attempts(integer, integer) is
    'Hand in and grade what was due more than five seconds ago, so many at most, after skipping those that were due first; '
    'how many that were, and how many could not be handed in, which are left with a warning.';
grant execute on function lms.submit_overdue_attempts(integer, integer) to lms_worker;

create function lms.wants_regrade(quiz_id uuid, version_number integer, key_version integer) returns boolean
language plpgsql volatile
as $$
begin
    return coalesce(
        (
            -- The first by the index, which is the oldest key: `exists` would look for one among all.
            select attempts.graded_by_key
            from lms.quiz_attempts as attempts
            where
                attempts.quiz_id = wants_regrade.quiz_id
                and attempts.quiz_version = wants_regrade.version_number
                and attempts.graded_by_key is not null
            order by attempts.graded_by_key, attempts.attempt_id
            limit 1
        ) < wants_regrade.key_version,
        false
    );
end;
$$;
comment on function lms.wants_regrade(uuid, integer, integer) is
    'Whether attempts at this version were graded by an older key than this one. Volatile, so that in one statement with '
    'lms.correct_answer_key() it sees what was graded while that waited.';
-- It runs as whoever calls it.
grant execute on function lms.wants_regrade(uuid, integer, integer) to lms_api;

-- A door lets one row through: a planner that expects a thousand reads tables for them.
alter function lms.read_answer_key(bytea, uuid, integer) rows 1;

comment on table lms.audit_events is
    'One change to an account, an enrolment, an attempt, a grade or a key, or the request of a regrade; the service adds '
    'rows and cannot alter them. Personal data: identity (pseudonyms of who did it and whom it concerns).';
comment on column lms.audit_events.actor_id is
    'Who did it; null for the command line, and for the worker, where nobody asked it to. '
    'Personal data: identity (a pseudonym).';
comment on table lms.quiz_answer_keys is
    'What is right about a version of the questions. The service cannot read it: lms.save_quiz_version(), '
    'lms.correct_answer_key(), lms.read_answer_key(), lms.reveal_answer_key(), lms.submit_attempt() and '
    'lms.review_attempt() are its doors, and lms.submit_overdue_attempts() and lms.regrade_attempts() those of the '
    'worker. Personal data: none.';
