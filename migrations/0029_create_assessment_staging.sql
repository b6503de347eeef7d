-- Import staging for assessments: where `lms import oulad` lays down the lines of two more of its files.
--
-- why    assessments and their results, 173,912 in the dataset, are checked and imported by a few statements as well
-- locks  none, the tables are new
-- undo   drops the tables, which are empty between imports
--
-- depends: 0028_create_checked_answers

set local role lms_owner;

-- Unlogged and without keys, like those of 0015_create_import_staging.

create unlogged table lms_import.oulad_assessments (
    line integer not null,
    code_module text not null,
    code_presentation text not null,
    id_assessment text not null,
    assessment_type text not null,
    date text not null,
    -- What the line becomes, by the names that it is found again by.
    course_code text not null generated always as ('OULAD-' || code_module || '-' || code_presentation) stored,
    title text not null generated always as (assessment_type || ' ' || id_assessment) stored,
    prompt text not null generated always as (
        'Assessment ' || id_assessment || ' (' || assessment_type || ') of module ' || code_module || ', presentation '
        || code_presentation || '.'
    ) stored,
    constraint oulad_assessments_length_ck check (
        length(code_module || code_presentation || id_assessment || assessment_type || date) <= 10000
    )
);

comment on table lms_import.oulad_assessments is
    'Lines of assessments.csv of the Open University Learning Analytics Dataset, while they are imported. '
    'Personal data: none.';
comment on column lms_import.oulad_assessments.line is 'Number of the line in the file. Personal data: none.';
comment on column lms_import.oulad_assessments.code_module is 'As it stands, such as AAA. Personal data: none.';
comment on column lms_import.oulad_assessments.code_presentation is 'As it stands, such as 2013J. Personal data: none.';
comment on column lms_import.oulad_assessments.id_assessment is 'As it stands. Personal data: none.';
comment on column lms_import.oulad_assessments.assessment_type is
    'As it stands: TMA, CMA or Exam. Personal data: none.';
comment on column lms_import.oulad_assessments.date is
    'Day of the presentation on which it is due, as it stands; ? if unknown. Personal data: none.';
comment on column lms_import.oulad_assessments.course_code is 'Code of its course. Personal data: none.';
comment on column lms_import.oulad_assessments.title is 'Title of the quiz that it becomes. Personal data: none.';
comment on column lms_import.oulad_assessments.prompt is
    'What the quiz asks; it never changes, so that the quiz is found again by it. Personal data: none.';
comment on constraint oulad_assessments_length_ck on lms_import.oulad_assessments is
    '422 A line has at most 10,000 characters.';

create unlogged table lms_import.oulad_results (
    line integer not null,
    id_assessment text not null,
    id_student text not null,
    date_submitted text not null,
    is_banked text not null,
    score text not null,
    email text not null generated always as ('student-' || id_student || '@oulad.example') stored,
    constraint oulad_results_length_ck check (
        length(id_assessment || id_student || date_submitted || is_banked || score) <= 10000
    )
);

comment on table lms_import.oulad_results is
    'Lines of studentAssessment.csv, while they are imported. Personal data: learning record.';
comment on column lms_import.oulad_results.line is 'Number of the line in the file. Personal data: none.';
comment on column lms_import.oulad_results.id_assessment is 'As it stands. Personal data: learning record.';
comment on column lms_import.oulad_results.id_student is 'As it stands. Personal data: identity (a pseudonym).';
comment on column lms_import.oulad_results.date_submitted is
    'Day of the presentation, as it stands. Personal data: learning record.';
comment on column lms_import.oulad_results.is_banked is
    'As it stands: 1 if the result is that of an earlier presentation, else 0. Personal data: learning record.';
comment on column lms_import.oulad_results.score is
    'Points of 100, as they stand; empty or ? if nobody gave any. Personal data: learning record.';
comment on column lms_import.oulad_results.email is
    'Made-up address of the student. Personal data: identity (a pseudonym).';
comment on constraint oulad_results_length_ck on lms_import.oulad_results is
    '422 A line has at most 10,000 characters.';

-- Nothing is granted, and there is no policy: only their owner, and whoever migrates, reads and writes them.
alter table lms_import.oulad_assessments enable row level security;
alter table lms_import.oulad_results enable row level security;
