-- The images of each label, and those of them without features. Needs labels.sql.
SELECT coalesce(label, '') AS label, sum(images) AS images, sum(errors) AS errors
FROM report_labels GROUP BY 1 ORDER BY images DESC, label;
