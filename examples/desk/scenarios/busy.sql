-- A desk with a hundred tickets.
INSERT INTO ticket (title) SELECT 'ticket ' || n FROM generate_series(1, 100) AS n;
