-- import_oulad/refresh_performance
-- Make the performance of everybody on these courses what their attempts have.
--
-- result  count

insert /* import_oulad/refresh_performance */ into lms.topic_performance as known (
    student_id,
    course_id,
    week_number,
    attempts,
    best_score,
    last_score,
    average_score,
    mastery
)
select
    computed.student_id,
    computed.course_id,
    computed.week_number,
    computed.attempts,
    computed.best_score,
    computed.last_score,
    computed.average_score,
    computed.mastery
from lms.computed_performance() as computed
where
    computed.course_id in (
        select courses.course_id
        from lms_import.oulad_courses as staged
        join lms.courses on courses.code = staged.course_code
    )
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
    (excluded.attempts, excluded.best_score, excluded.last_score, excluded.average_score, excluded.mastery);
