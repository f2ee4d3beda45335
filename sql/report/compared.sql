-- The images to be compared with one another.
SELECT path, coalesce(label, '') AS label, pca, along_mean, squared_length
FROM report_rows WHERE pca IS NOT NULL ORDER BY path;
