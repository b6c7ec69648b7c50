\ir ../../migrations/0001_create_users.sql
