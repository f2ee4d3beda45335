-- The images that the components describe worst, with the median error of the sample. What is within
-- rounding of nothing is no error. Needs rows.sql; ${rows} is its table where that has all images.
SELECT path, coalesce(label, '') AS label, error, share,
       (SELECT median(error) FROM report_sample WHERE is_sampled) AS median
FROM ${rows} WHERE share > 1e-9
ORDER BY error DESC, path LIMIT ${outliers};
