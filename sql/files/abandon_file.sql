-- files/abandon_file
-- Give up an upload that failed, so that its object may be removed, unless it is stored or given up already.
--
-- $1  file_id  uuid
--
-- result  count
-- index   files_pk

update /* files/abandon_file */ lms.files
set state = 'deleting'
where file_id = $1 and state = 'uploading';
