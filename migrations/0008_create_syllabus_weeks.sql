-- Syllabus weeks: what a course does week by week.
--
-- why    materials, quizzes and mastery are all told by week
-- locks  courses, SHARE ROW EXCLUSIVE, for the foreign key; no rows are scanned
-- undo   drops the table, and every syllabus with it
--
-- depends: 0007_create_courses

set local role lms_owner;

create table lms.syllabus_weeks (
    course_id uuid not null,
    week_number smallint not null,
    topic text not null,
    objectives text,
    reading text,
    constraint syllabus_weeks_pk primary key (course_id, week_number),
    -- CASCADE: a syllabus is a part of its course.
    constraint syllabus_weeks_course_id_fk foreign key (course_id)
    references lms.courses (course_id) on delete cascade,
    constraint syllabus_weeks_week_number_ck check (week_number between 1 and 53),
    constraint syllabus_weeks_topic_ck check (length(topic) between 1 and 300 and topic !~ '^\s|\s$'),
    constraint syllabus_weeks_objectives_ck check (length(objectives) <= 5000),
    constraint syllabus_weeks_reading_ck check (length(reading) <= 5000)
);

comment on table lms.syllabus_weeks is
    'One week of the syllabus of a course; courses.syllabus_version counts the edits of all of them. Personal data: none.';
comment on column lms.syllabus_weeks.course_id is 'The course. Personal data: none.';
comment on column lms.syllabus_weeks.week_number is 'From 1; gaps are weeks off. Personal data: none.';
comment on column lms.syllabus_weeks.topic is 'What the week is about. Personal data: none.';
comment on column lms.syllabus_weeks.objectives is 'What a student can do after it; null if nobody said. Personal data: none.';
comment on column lms.syllabus_weeks.reading is 'What to read for it; null if nothing. Personal data: none.';

comment on constraint syllabus_weeks_pk on lms.syllabus_weeks is '409 /week_number The syllabus has this week already.';
comment on constraint syllabus_weeks_course_id_fk on lms.syllabus_weeks is '409 This course does not exist.';
comment on constraint syllabus_weeks_week_number_ck on lms.syllabus_weeks is
    '422 /week_number Number the weeks from 1 to 53.';
comment on constraint syllabus_weeks_topic_ck on lms.syllabus_weeks is
    '422 /topic Give a topic of 1 to 300 characters, without space at its ends.';
comment on constraint syllabus_weeks_objectives_ck on lms.syllabus_weeks is
    '422 /objectives Use at most 5,000 characters.';
comment on constraint syllabus_weeks_reading_ck on lms.syllabus_weeks is '422 /reading Use at most 5,000 characters.';

grant select, insert, delete on lms.syllabus_weeks to lms_api;
grant update (topic, objectives, reading) on lms.syllabus_weeks to lms_api;

alter table lms.syllabus_weeks enable row level security;
create policy syllabus_weeks_own_roles on lms.syllabus_weeks to lms_api, lms_migrate using (true) with check (true);
