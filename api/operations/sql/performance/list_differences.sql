-- performance/list_differences
-- Where the topic performance of a course is not what its attempts come to, by student and week; there may be more than
-- are listed. One snapshot: what is being graded meanwhile is no difference.
--
-- $1  course_id  uuid
-- $2  most       bigint  how many are listed
--
-- result  rows  Difference

select /* performance/list_differences */
    differing.student_id,
    differing.week_number,
    differing.kept,
    differing.computed,
    count(*) over () as total
from (
    select
        coalesce(known.student_id, found.student_id) as student_id,
        coalesce(known.week_number, found.week_number) as week_number,
        known.document as kept,
        found.document as computed
    from (
        select
            kept.student_id,
            kept.week_number,
            jsonb_build_object(
                'attempts', kept.attempts,
                'best_score', kept.best_score,
                'last_score', kept.last_score,
                'average_score', kept.average_score,
                'mastery', kept.mastery
            ) as document
        from lms.topic_performance as kept
        where kept.course_id = $1
    ) as known
    full join (
        select
            computed.student_id,
            computed.week_number,
            jsonb_build_object(
                'attempts', computed.attempts,
                'best_score', computed.best_score,
                'last_score', computed.last_score,
                'average_score', computed.average_score,
                'mastery', computed.mastery
            ) as document
        from lms.computed_performance() as computed
        where computed.course_id = $1
    ) as found on found.student_id = known.student_id and found.week_number = known.week_number
) as differing
where differing.kept is distinct from differing.computed
order by differing.student_id, differing.week_number
limit $2;
