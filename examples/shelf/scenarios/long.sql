-- A book whose title is as long as it may be.
INSERT INTO books_book (title) SELECT left(repeat('word ', 50), 200);
