-- Takes the worker's rights back.
--
-- loses  nothing: the role stays with the cluster

revoke usage on schema lms from lms_worker;
