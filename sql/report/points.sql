-- Points of the map: all of them, or a sample that has one of each label before it has two of any,
-- and then keeps the proportions of the labels. The order within a label is that of md5, which has
-- nothing to do with the images and is the same in every report. An image without an error has features.
CREATE OR REPLACE TABLE report_points AS
SELECT path, label,
       row_number() OVER (ORDER BY CASE WHEN number = 1 THEN 0 ELSE (number - 0.5) / images END, path) AS number
FROM (
    SELECT path, label,
           row_number() OVER (PARTITION BY label ORDER BY md5(path), path) AS number,
           count(*) OVER (PARTITION BY label) AS images
    FROM features WHERE error IS NULL
)
ORDER BY number LIMIT ${points};

SELECT path FROM report_points ORDER BY number;
