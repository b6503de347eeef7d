-- files/delete_file
-- Forget a file whose object was removed.
--
-- $1  file_id  uuid
--
-- result  count

delete /* files/delete_file */ from lms.files
where file_id = $1 and state = 'deleting';
