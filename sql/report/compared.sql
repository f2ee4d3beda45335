-- The images to be compared with one another. Needs rows.sql.
SELECT path, coalesce(label, '') AS label, pca, along_mean, squared_length
FROM report_sample WHERE is_sampled ORDER BY path;
