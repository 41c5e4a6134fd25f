-- The owner's role and database, made once by the cluster's administrator; everything else `stressvision-store upgrade` makes.
\set ON_ERROR_STOP on
\getenv password STRESSVISION_OWNER_DATABASE_PASSWORD

SELECT format('CREATE ROLE stressvision_owner LOGIN CREATEROLE PASSWORD %L', :'password')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stressvision_owner') \gexec

SELECT 'CREATE DATABASE stressvision OWNER stressvision_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'stressvision') \gexec

-- Nobody else makes databases' schemas or looks into the administrator's own database.
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE stressvision FROM PUBLIC;
