-- The images of each label, and those of them without features.
SELECT coalesce(label, '') AS label, count(*) AS images, count(error) AS errors
FROM features GROUP BY 1 ORDER BY images DESC, label;
