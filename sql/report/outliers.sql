-- The images that the components describe worst, with the median error of all. What is within
-- rounding of nothing is no error.
SELECT path, coalesce(label, '') AS label, error, share,
       (SELECT median(error) FROM report_rows) AS median
FROM report_rows WHERE share > 1e-9
ORDER BY error DESC, path LIMIT ${outliers};
