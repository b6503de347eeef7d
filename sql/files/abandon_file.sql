-- files/abandon_file
-- Give up an upload, so that its object may be removed. One that is stored stays so: then the answer alone was lost.
--
-- $1  file_id  uuid
--
-- result  row?  FileState
-- index   files_pk

update /* files/abandon_file */ lms.files
-- Decided on the row as it is once it is free, which a `select` beside this could not see.
set state = case when state = 'uploading' then 'deleting' else state end
where file_id = $1
returning state;
