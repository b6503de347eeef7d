-- performance/rebuild_course
-- Make the topic performance of a course what its attempts come to, all of it or nothing; how many rows that changed.
--
-- $1  course_id  uuid
--
-- result  row  Rebuilt

select /* performance/rebuild_course */
    lms.refresh_performance(
        $1,
        array(
            select quizzes.week_number
            from lms.quizzes
            where quizzes.course_id = $1 and quizzes.week_number is not null
            union
            select known.week_number
            from lms.topic_performance as known
            where known.course_id = $1
        ),
        array(
            select attempts.student_id
            from lms.quizzes
            join lms.quiz_attempts as attempts on attempts.quiz_id = quizzes.quiz_id
            where quizzes.course_id = $1
            union
            select known.student_id
            from lms.topic_performance as known
            where known.course_id = $1
        )
    ) as changed;
