-- Makes the functions what they were.
--
-- loses  how many attempts each regrade left behind

set local role lms_owner;

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

create or replace function lms.submit_overdue_attempts(most integer, skip integer)
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

drop function lms.regrade_attempts(uuid, integer, integer);
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

create or replace function lms.graded(questions jsonb, key jsonb, answers jsonb, reviews jsonb)
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

comment on column lms.regrades.finished_at is 'When nothing was left to grade; null before. Personal data: none.';
alter table lms.regrades
drop column rounds,
drop column attempts_failed;

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

create or replace function lms.computed_performance()
returns table (
    student_id uuid,
    course_id uuid,
    week_number smallint,
    attempts integer,
    best_score numeric,
    last_score numeric,
    average_score numeric,
    mastery text
)
language sql stable parallel safe
begin atomic
    select
        scores.student_id,
        scores.course_id,
        scores.week_number,
        scores.attempts,
        scores.best_score,
        scores.last_score,
        scores.average_score,
        lms.mastery(courses.mastery_policy, scores.best_score, scores.last_score, scores.average_score)
    from (
        select
            attempts.student_id,
            quizzes.course_id,
            quizzes.week_number,
            count(*)::integer as attempts,
            round(max(attempts.score / attempts.max_score), 4) as best_score,
            round(
                (array_agg(
                    attempts.score / attempts.max_score order by attempts.submitted_at desc, attempts.attempt_id desc
                ))[1],
                4
            ) as last_score,
            round(avg(attempts.score / attempts.max_score), 4) as average_score
        from lms.quizzes
        join lms.quiz_attempts as attempts on attempts.quiz_id = quizzes.quiz_id
        where attempts.state = 'graded' and quizzes.week_number is not null
        group by attempts.student_id, quizzes.course_id, quizzes.week_number
    ) as scores
    join lms.courses on courses.course_id = scores.course_id;
end;
