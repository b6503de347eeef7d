-- files/delete_file
-- Forget a file whose object was removed. Zero rows: it is not one to be removed, or forgotten already.
--
-- $1  file_id  uuid
--
-- result  count

delete /* files/delete_file */ from lms.files
where file_id = $1 and state = 'deleting';
