-- Two roles for PostgreSQL: the owner of the tables, with whom migrations run, and the one the server runs as, which
-- can add to the audit log and take nothing away. Run it as the owner after `python server.py migrate`, and again after
-- each upgrade. The role `recado_server` must be there: CREATE ROLE recado_server LOGIN PASSWORD '…';
-- docs/operations.md tells the rest.

GRANT USAGE ON SCHEMA public TO recado_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO recado_server;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO recado_server;

-- What was recorded stays; what a signed checkpoint has closed off goes by audit_drop(), with the owner's rights.
REVOKE UPDATE, DELETE, TRUNCATE ON audit, audit_checkpoints FROM recado_server;
REVOKE DELETE, TRUNCATE ON audit_head, audit_people FROM recado_server;
-- Which migrations were applied is for the owner to say.
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON schema_checksum FROM recado_server;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
