-- Points of the map: all images with features, or a sample that has one of each label before it has two
-- of any, and then keeps the proportions of the labels. The order within a label is that of md5, which has
-- nothing to do with the images and is the same in every report. Needs labels.sql.
--
-- Only the first image of each label and those whose md5 sorts before ${sampled} are looked at, so that
-- the images are not all in memory: these are the first of each label in that order, and many times more
-- than there are points.
--
-- Returns the points, and again those that are not in the sample.
CREATE OR REPLACE TABLE report_points AS
SELECT path, label,
       row_number() OVER (ORDER BY CASE WHEN number = 1 THEN 0 ELSE (number - 0.5) / images END, path) AS number
FROM (
    SELECT path, s.label, images - errors AS images,
           row_number() OVER (PARTITION BY s.label ORDER BY md5(path), path) AS number
    FROM (
        SELECT path, label FROM features WHERE error IS NULL AND md5(path) < '${sampled}'
        UNION
        SELECT substr(first, 33), label FROM report_labels WHERE first IS NOT NULL
    ) s
    JOIN report_labels l ON s.label IS NOT DISTINCT FROM l.label
)
ORDER BY number LIMIT ${points};

SELECT path, CASE WHEN md5(path) >= '${sampled}' THEN path END AS not_sampled
FROM report_points ORDER BY number;
