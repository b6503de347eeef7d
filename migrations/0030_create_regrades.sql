-- Regrades: attempts are graded again after a key was corrected, by the worker, and whoever's score changed is told.
--
-- why    a lecturer who corrects a key does not wait for thousands of attempts, and no student finds another score by
--        chance; what is done and what is not is a row, so that whoever is killed leaves nothing half done
-- locks  quizzes and quiz_attempts, SHARE ROW EXCLUSIVE, for the foreign keys; email_outbox, ACCESS EXCLUSIVE, while
--        its rows are read once for the wider rule; quizzes, quiz_attempts, courses, student_enrollments and
--        audit_events, ACCESS EXCLUSIVE for an instant, for the policies that let the worker through
-- undo   drops the tables; mails about scores that were not sent yet are not sent
--
-- depends: 0029_create_assessment_staging

set local role lms_owner;

create table lms.regrades (
    regrade_id uuid not null default lms.uuidv7(),
    quiz_id uuid not null,
    requested_by uuid not null,
    requests integer not null default 1,
    state text not null default 'queued',
    claims integer not null default 0,
    due_at timestamptz not null default now(),
    attempts_regraded integer not null default 0,
    scores_changed integer not null default 0,
    requested_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    constraint regrades_pk primary key (regrade_id),
    -- CASCADE: a quiz that can be deleted was never taken, and nothing was graded again.
    constraint regrades_quiz_id_fk foreign key (quiz_id) references lms.quizzes (quiz_id) on delete cascade,
    constraint regrades_requests_ck check (requests >= 1),
    constraint regrades_state_ck check (state in ('queued', 'running', 'done')),
    constraint regrades_claims_ck check (claims >= 0),
    constraint regrades_counts_ck check (scores_changed between 0 and attempts_regraded),
    constraint regrades_started_at_ck check ((state = 'queued') = (started_at is null)),
    constraint regrades_finished_at_ck check ((state = 'done') = (finished_at is not null))
);

comment on table lms.regrades is
    'That the attempts at a quiz are to be graded again by its present keys, and how far that is. Personal data: none.';
comment on column lms.regrades.regrade_id is 'Key, UUIDv7. Personal data: none.';
comment on column lms.regrades.quiz_id is 'The quiz. Personal data: none.';
comment on column lms.regrades.requested_by is
    'Who asked first; no foreign key, as in audit_events. Personal data: identity (a pseudonym).';
comment on column lms.regrades.requests is 'How often it was asked for before it began. Personal data: none.';
comment on column lms.regrades.state is
    'queued, running (some worker has it, or had it and died) or done. Personal data: none.';
comment on column lms.regrades.claims is
    'How often a worker took it; also the fencing token of whoever has it: only the latest may go on. Personal data: none.';
comment on column lms.regrades.due_at is
    'From when a worker may take it; while one has it, when its lease ends. Personal data: none.';
comment on column lms.regrades.attempts_regraded is 'How many were graded again so far. Personal data: none.';
comment on column lms.regrades.scores_changed is 'How many of them have another score since. Personal data: none.';
comment on column lms.regrades.requested_at is 'When it was asked for first. Personal data: none.';
comment on column lms.regrades.started_at is 'When a worker first took it; null before. Personal data: none.';
comment on column lms.regrades.finished_at is 'When nothing was left to grade; null before. Personal data: none.';

comment on constraint regrades_pk on lms.regrades is '409 This regrade exists already.';
comment on constraint regrades_quiz_id_fk on lms.regrades is '409 This quiz does not exist.';
comment on constraint regrades_requests_ck on lms.regrades is '422 It was asked for at least once.';
comment on constraint regrades_state_ck on lms.regrades is '422 A regrade is queued, running or done.';
comment on constraint regrades_claims_ck on lms.regrades is '422 Claims count from 0.';
comment on constraint regrades_counts_ck on lms.regrades is
    '422 No more scores changed than attempts were graded again.';
comment on constraint regrades_started_at_ck on lms.regrades is '422 What is no longer queued has the time of it.';
comment on constraint regrades_finished_at_ck on lms.regrades is '422 What is done has the time of it, and nothing else has.';

-- Serves sql/regrades/create_regrade.sql: who asks while one is queued gets that one.
create unique index regrades_queued_uq on lms.regrades (quiz_id) where state = 'queued';
comment on index lms.regrades_queued_uq is '409 This quiz is going to be graded again already.';
-- Serves sql/regrades/claim_regrade.sql: whether another one of the quiz is running.
create unique index regrades_running_uq on lms.regrades (quiz_id) where state = 'running';
comment on index lms.regrades_running_uq is '409 This quiz is being graded again already.';
-- Serves the deletion of a quiz.
create index regrades_quiz_id_ix on lms.regrades (quiz_id);
-- Serves sql/regrades/claim_regrade.sql: what is due, the longest wait first.
create index regrades_due_at_regrade_id_ix on lms.regrades (due_at, regrade_id) where state <> 'done';

create function lms.notify_regrades() returns trigger
language plpgsql
as $$
begin
    -- Sent when the transaction commits. Whoever misses it finds the row by looking.
    perform pg_catalog.pg_notify('lms_regrades', '');
    return null;
end;
$$;
comment on function lms.notify_regrades() is 'Wakes the worker when a regrade is asked for.';
create trigger regrades_notify after insert on lms.regrades
for each statement execute function lms.notify_regrades();

-- The service asks, and asks again; how far it is, is for the worker to say.
grant select on lms.regrades to lms_api, lms_worker;
grant insert (quiz_id, requested_by), update (requests) on lms.regrades to lms_api;
grant update (state, claims, due_at, attempts_regraded, scores_changed, started_at, finished_at)
on lms.regrades to lms_worker;

alter table lms.regrades enable row level security;
create policy regrades_own_roles on lms.regrades to lms_api, lms_migrate, lms_worker using (true) with check (true);

-- What a regrade changed

create table lms.score_changes (
    score_change_id uuid not null default lms.uuidv7(),
    attempt_id uuid not null,
    score_before numeric(8, 2) not null,
    score numeric(8, 2) not null,
    changed_at timestamptz not null default now(),
    constraint score_changes_pk primary key (score_change_id),
    -- CASCADE: what became of an attempt goes with it.
    constraint score_changes_attempt_id_fk foreign key (attempt_id)
    references lms.quiz_attempts (attempt_id) on delete cascade,
    constraint score_changes_score_ck check (score <> score_before)
);

comment on table lms.score_changes is
    'That an attempt got another score when it was graded again: facts of that time, for the mail about it, which holds '
    'none. Personal data: learning record.';
comment on column lms.score_changes.score_change_id is 'Key, UUIDv7. Personal data: none.';
comment on column lms.score_changes.attempt_id is 'The attempt. Personal data: learning record.';
comment on column lms.score_changes.score_before is 'Its score until then. Personal data: learning record.';
comment on column lms.score_changes.score is 'Its score from then on. Personal data: learning record.';
comment on column lms.score_changes.changed_at is 'When that was. Personal data: learning record.';

comment on constraint score_changes_pk on lms.score_changes is '409 This change exists already.';
comment on constraint score_changes_attempt_id_fk on lms.score_changes is '409 This attempt does not exist.';
comment on constraint score_changes_score_ck on lms.score_changes is '422 A change changes the score.';

-- Serves the deletion of an attempt.
create index score_changes_attempt_id_ix on lms.score_changes (attempt_id);

grant select on lms.score_changes to lms_worker;
grant insert (attempt_id, score_before, score) on lms.score_changes to lms_worker;

alter table lms.score_changes enable row level security;
create policy score_changes_own_roles on lms.score_changes
to lms_api, lms_migrate, lms_worker using (true) with check (true);

-- The mail about it

-- The outbox holds the mails of 90 days at most, and is read once.
alter table lms.email_outbox
add column score_change_id uuid,
-- CASCADE: without the change there is nothing to tell.
-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
add constraint email_outbox_score_change_id_fk foreign key (score_change_id)
references lms.score_changes (score_change_id) on delete cascade,
-- A wider one takes its place in the same statement.
-- squawk-ignore ban-drop-constraint
drop constraint email_outbox_kind_ck,
-- squawk-ignore constraint-missing-not-valid
add constraint email_outbox_kind_ck check (
    kind in ('welcome', 'invitation', 'dropped', 'password_set', 'score_changed')
),
-- squawk-ignore constraint-missing-not-valid
add constraint email_outbox_score_change_id_ck check ((kind = 'score_changed') = (score_change_id is not null));
comment on column lms.email_outbox.score_change_id is
    'The change of a score it is about; null for other mails. Personal data: learning record.';
comment on constraint email_outbox_score_change_id_fk on lms.email_outbox is '409 This change does not exist.';
comment on constraint email_outbox_kind_ck on lms.email_outbox is
    '422 A mail is a welcome, an invitation, or tells of a dropped course, a password or a changed score.';
comment on constraint email_outbox_score_change_id_ck on lms.email_outbox is
    '422 A mail is about a change of a score, or has none.';
-- Serves the deletion of an attempt, for the foreign key; and no change is told twice.
-- squawk-ignore require-concurrent-index-creation
create unique index email_outbox_score_change_id_uq on lms.email_outbox (score_change_id);
comment on index lms.email_outbox_score_change_id_uq is '409 This change was told already.';

grant select (score_change_id) on lms.email_outbox to lms_api;
grant insert (kind, user_id, course_id, score_change_id) on lms.email_outbox to lms_worker;
-- A mail of another kind, which may open an account, is not for the worker to ask for.
create policy email_outbox_worker_kinds on lms.email_outbox
as restrictive for insert to lms_worker with check (kind = 'score_changed');

-- What the worker needs to know and to leave behind

grant insert (actor_id, action, user_id, course_id, changes) on lms.audit_events to lms_worker;
alter policy audit_events_own_roles on lms.audit_events to lms_api, lms_migrate, lms_worker;
-- It leaves behind what a regrade changed, and nothing about anything else.
create policy audit_events_worker_actions on lms.audit_events
as restrictive for insert to lms_worker with check (action = 'grades.regrade');
grant select (quiz_id, course_id, title) on lms.quizzes to lms_worker;
alter policy quizzes_own_roles on lms.quizzes to lms_api, lms_migrate, lms_worker;
grant select (attempt_id, quiz_id, max_score) on lms.quiz_attempts to lms_worker;
alter policy quiz_attempts_own_roles on lms.quiz_attempts to lms_api, lms_migrate, lms_worker;
grant select (state) on lms.courses to lms_worker;
-- Whether somebody still sees their scores.
grant select (student_id, course_id, state) on lms.student_enrollments to lms_worker;
alter policy student_enrollments_own_roles on lms.student_enrollments to lms_api, lms_migrate, lms_worker;
grant execute on function lms.can_attend(uuid, text, uuid, text) to lms_worker;
-- The keys of the rows that it adds.
grant execute on function lms.uuidv7() to lms_worker;
