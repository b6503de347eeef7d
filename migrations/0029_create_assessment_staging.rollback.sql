-- Drops the staging tables of assessments and their results.
--
-- loses  nothing: they are empty between imports

set local role lms_owner;

drop table lms_import.oulad_results;
drop table lms_import.oulad_assessments;
