-- files/claim_garbage
-- Mark files that nobody needs, a hundred at most, so that their objects may be removed: uploads that took too long,
-- files that no material shows, and what somebody else marked and did not get to.
--
-- role    lms_worker
-- result  rows  FileKey
-- index   files_state_file_id_ix, materials_file_id_uq

with /* files/claim_garbage */ overdue as (
    -- An upload that ends at this moment has locked its row: it is stored, or found here the next time.
    select file_id
    from lms.files
    where state = 'uploading' and due_at < now()
    order by file_id
    limit 100
    for update skip locked
),
unshown as (
    -- All stored files beside all materials, by two indexes: most go with their course, and some with a material that
    -- somebody deleted by hand. Apart from the above: a row that is waited for is looked at once more, but its material
    -- with the eyes of before.
    select files.file_id
    from lms.files
    where
        files.state = 'stored'
        and not exists (select from lms.materials where materials.file_id = files.file_id)
    order by files.file_id
    limit 100
    for update of files skip locked
),
marked as (
    update lms.files
    set state = 'deleting'
    where file_id in (
        select file_id from overdue
        union all
        select file_id from unshown
    )
    returning file_id
),
left_over as (
    select file_id
    from lms.files
    where state = 'deleting'
    order by file_id
    limit 100
)
select garbage.file_id
from (
    select file_id from marked
    union all
    select file_id from left_over
) as garbage
order by garbage.file_id
limit 100;
