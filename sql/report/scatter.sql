-- The points of the map along the first two components. Needs points.sql.
SELECT p.path, coalesce(p.label, '') AS label, CAST(r.x AS DOUBLE) AS x, CAST(r.y AS DOUBLE) AS y
FROM report_points p JOIN report_rows r ON r.path = p.path ORDER BY p.number;
