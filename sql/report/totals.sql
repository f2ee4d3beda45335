-- The length of all files.
SELECT coalesce(sum(length), 0) AS bytes FROM metadata;
