-- deliveries/read_delivery
-- How a mail fares, for whom it is to, for those who teach the course it is about and for administrators.
--
-- $1  token_hash   bytea
-- $2  delivery_id  uuid
--
-- result  json  Delivery    404: no such delivery for this actor
-- index   email_outbox_pk, courses_pk

select /* deliveries/read_delivery */
    case
        when deliveries.delivery_id is not null then json_build_object(
            'id', deliveries.delivery_id,
            'kind', deliveries.kind,
            'user_id', deliveries.user_id,
            'course_id', deliveries.course_id,
            'state', deliveries.state,
            'attempts', deliveries.attempts,
            'next_attempt_at', case when deliveries.state = 'queued' then deliveries.next_attempt_at end,
            'queued_at', deliveries.queued_at,
            'settled_at', deliveries.settled_at
        )
    end as document
from lms.actor($1) as actor
left join (
    lms.email_outbox as deliveries
    left join lms.courses on courses.course_id = deliveries.course_id
)
    on deliveries.delivery_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or deliveries.user_id = actor.user_id
    );
