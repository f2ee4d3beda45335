-- The points of the map along the first two components. Needs points.sql and rows.sql.
SELECT p.path, coalesce(p.label, '') AS label,
       CAST(pca[1] AS DOUBLE) AS x, CAST(coalesce(pca[2], 0) AS DOUBLE) AS y
FROM report_points p JOIN report_sample s ON s.path = p.path ORDER BY p.number;
