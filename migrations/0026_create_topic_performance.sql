-- Topic performance: how far each student is with the topic of each week, by the policy of the course.
--
-- why    dashboards show it to many, and it changes only when something is graded
-- locks  courses and quizzes, ACCESS EXCLUSIVE: for the column, which writes no row, its rule, which reads them all
--        once, and for the triggers
-- undo   drops table and functions, and the mastery policies of the courses
--
-- The table equals lms.computed_performance() after every transaction. Whoever grades calls lms.refresh_performance()
-- in the same transaction; what a lecturer changes about a quiz or a course, triggers follow.
--
-- depends: 0025_create_quiz_attempts

set local role lms_owner;

create function lms.is_mastery_policy(policy jsonb) returns boolean
language sql immutable parallel safe
begin atomic
    select
        case
            when not lms.has_fields(policy, '{score, mastered, developing}', '{}') then false
            when policy -> 'score' not in ('"highest"', '"latest"', '"average"') then false
            when jsonb_typeof(policy -> 'mastered') <> 'number' then false
            when jsonb_typeof(policy -> 'developing') <> 'number' then false
            else
                (policy -> 'developing')::numeric >= 0
                and (policy -> 'developing')::numeric <= (policy -> 'mastered')::numeric
                and (policy -> 'mastered')::numeric <= 1
        end;
end;
comment on function lms.is_mastery_policy(jsonb) is
    'Whether this is {"score": "highest", "latest" or "average", "mastered": share, "developing": share}, the shares from '
    '0 to 1 and the second not above the first.';
-- The rule of the column calls it, as whoever writes a course.
grant execute on function lms.is_mastery_policy(jsonb), lms.has_fields(jsonb, text[], text[]) to lms_api;

alter table lms.courses
add column mastery_policy jsonb not null default '{"score": "highest", "mastered": 0.8, "developing": 0.5}',
-- The column is new and holds nothing but its default.
-- squawk-ignore constraint-missing-not-valid
add constraint courses_mastery_policy_ck check (lms.is_mastery_policy(mastery_policy));
comment on column lms.courses.mastery_policy is
    'Which share of the points is mastery: {"score": "highest", "latest" or "average" of the attempts of a week, '
    '"mastered": from this share on, "developing": from this one, below it remedial}. Personal data: none.';
comment on constraint courses_mastery_policy_ck on lms.courses is
    '422 /mastery_policy Give score (highest, latest or average), mastered and developing, shares from 0 to 1, the latter '
    'not above the former.';

grant insert (mastery_policy), update (mastery_policy) on lms.courses to lms_api;

create table lms.topic_performance (
    student_id uuid not null,
    course_id uuid not null,
    week_number smallint not null,
    attempts integer not null,
    best_score numeric(5, 4) not null,
    last_score numeric(5, 4) not null,
    average_score numeric(5, 4) not null,
    mastery text not null,
    updated_at timestamptz not null default now(),
    -- The dashboards' index: a student, all of it; a student on a course; and week by week.
    constraint topic_performance_pk primary key (student_id, course_id, week_number),
    -- RESTRICT: with the row of an enrolment goes what was learned in it, on purpose or not at all.
    constraint topic_performance_enrollment_fk foreign key (student_id, course_id)
    references lms.student_enrollments (student_id, course_id) on delete restrict,
    constraint topic_performance_week_number_ck check (week_number between 1 and 53),
    constraint topic_performance_attempts_ck check (attempts >= 1),
    constraint topic_performance_scores_ck check (
        best_score between 0 and 1 and last_score between 0 and best_score and average_score between 0 and best_score
    ),
    constraint topic_performance_mastery_ck check (mastery in ('mastered', 'developing', 'remedial'))
);

comment on table lms.topic_performance is
    'How far a student is with the topic of a week, from the graded attempts of its quizzes; always what '
    'lms.computed_performance() says. Personal data: learning record.';
comment on column lms.topic_performance.student_id is 'The student. Personal data: identity (a pseudonym).';
comment on column lms.topic_performance.course_id is 'The course. Personal data: learning record.';
comment on column lms.topic_performance.week_number is 'The week of the syllabus. Personal data: learning record.';
comment on column lms.topic_performance.attempts is
    'How many attempts at quizzes of the week are graded, at least one. Personal data: learning record.';
comment on column lms.topic_performance.best_score is
    'The highest share of its points that an attempt got, 0 to 1. Personal data: learning record.';
comment on column lms.topic_performance.last_score is
    'The share that the attempt got which was handed in last. Personal data: learning record.';
comment on column lms.topic_performance.average_score is 'The mean of the shares. Personal data: learning record.';
comment on column lms.topic_performance.mastery is
    'mastered, developing or remedial, by courses.mastery_policy. Personal data: learning record.';
comment on column lms.topic_performance.updated_at is 'When any of it last changed. Personal data: learning record.';

comment on constraint topic_performance_pk on lms.topic_performance is '409 This performance is known already.';
comment on constraint topic_performance_enrollment_fk on lms.topic_performance is
    '409 This person has results in the course.';
comment on constraint topic_performance_week_number_ck on lms.topic_performance is
    '422 /week_number Number the weeks from 1 to 53.';
comment on constraint topic_performance_attempts_ck on lms.topic_performance is '422 There is at least one attempt.';
comment on constraint topic_performance_scores_ck on lms.topic_performance is
    '422 Scores are shares from 0 to 1, none above the best.';
comment on constraint topic_performance_mastery_ck on lms.topic_performance is
    '422 /mastery Use mastered, developing or remedial.';

-- Serves lms.refresh_performance() and lms.follow_mastery_policy(): a course, week by week.
create index topic_performance_course_id_week_number_student_id_ix
on lms.topic_performance (course_id, week_number, student_id);

-- Nobody writes here but lms.refresh_performance().
grant select on lms.topic_performance to lms_api;

alter table lms.topic_performance enable row level security;
create policy topic_performance_own_roles on lms.topic_performance
to lms_api, lms_migrate using (true) with check (true);

create function lms.mastery(policy jsonb, best_score numeric, last_score numeric, average_score numeric) returns text
language sql immutable parallel safe
begin atomic
    select
        case
            when counted.score >= (mastery.policy -> 'mastered')::numeric then 'mastered'
            when counted.score >= (mastery.policy -> 'developing')::numeric then 'developing'
            else 'remedial'
        end
    from (
        select
            case mastery.policy ->> 'score'
                when 'highest' then mastery.best_score
                when 'latest' then mastery.last_score
                else mastery.average_score
            end as score
    ) as counted;
end;
comment on function lms.mastery(jsonb, numeric, numeric, numeric) is
    'What these scores amount to by this policy: mastered, developing or remedial.';

create function lms.computed_performance()
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
comment on function lms.computed_performance() is
    'lms.topic_performance as the attempts have it, for all students and weeks. Inlined, so that a condition on any of its '
    'keys reads no more than that.';

create function lms.refresh_performance(course_id uuid, weeks smallint[], student_ids uuid[]) returns integer
language plpgsql volatile
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
        delete from lms.topic_performance as known
        using without
        where
            known.student_id = without.student_id
            and known.course_id = refresh_performance.course_id
            and known.week_number = without.week_number
        returning known.student_id
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
comment on function lms.refresh_performance(uuid, smallint[], uuid[]) is
    'Make lms.topic_performance what the attempts have, for these weeks of a course and these students; how many rows that '
    'changed. To be called in the transaction that graded, after it did.';

create function lms.follow_week_number() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever grades an attempt at this quiz has the row until they commit: see lms.record_grades().
    perform from lms.quizzes where quizzes.quiz_id = new.quiz_id for update;
    perform lms.refresh_performance(
        new.course_id,
        array_remove(array[old.week_number, new.week_number], null),
        array(select distinct student_id from lms.quiz_attempts where quiz_attempts.quiz_id = new.quiz_id)
    );
    return null;
end;
$$;
comment on function lms.follow_week_number() is
    'A quiz was put to another week: what its attempts count for changes with it.';
create trigger quizzes_week_number after update of week_number on lms.quizzes
for each row when (old.week_number is distinct from new.week_number) execute function lms.follow_week_number();

create function lms.follow_mastery_policy() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever refreshes anything of this course has the row until they commit.
    perform from lms.courses where courses.course_id = new.course_id for update;
    update lms.topic_performance
    set
        mastery = lms.mastery(new.mastery_policy, best_score, last_score, average_score),
        updated_at = now()
    where
        topic_performance.course_id = new.course_id
        and mastery <> lms.mastery(new.mastery_policy, best_score, last_score, average_score);
    return null;
end;
$$;
comment on function lms.follow_mastery_policy() is
    'A course has another mastery policy: what its students have mastered changes with it.';
create trigger courses_mastery_policy after update of mastery_policy on lms.courses
for each row when (old.mastery_policy is distinct from new.mastery_policy)
execute function lms.follow_mastery_policy();
