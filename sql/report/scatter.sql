-- Points of the map: all of them, or a sample that has one of each label before it has two of any,
-- and then keeps the proportions of the labels. The order within a label is that of md5, which has
-- nothing to do with the images and is the same in every report.
SELECT path, coalesce(label, '') AS label, CAST(x AS DOUBLE) AS x, CAST(y AS DOUBLE) AS y
FROM (
    SELECT *, row_number() OVER (PARTITION BY label ORDER BY md5(path), path) AS number,
           count(*) OVER (PARTITION BY label) AS images
    FROM report_rows
)
ORDER BY CASE WHEN number = 1 THEN 0 ELSE (number - 0.5) / images END, path
LIMIT ${points};
