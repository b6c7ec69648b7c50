\ir ../migrations/0001_create_users.sql

-- Padded numbers arrive in the order of the unique index, which makes filling it much cheaper.
INSERT INTO users (email)
SELECT 'user' || lpad(n::text, 7, '0') || '@server.com' FROM generate_series(1, 1000000) AS n;

-- Plans should be those for a million rows at once, not only when autovacuum comes by.
ANALYZE users;
