-- One row a label: its images, those of them without features, and of the others the one whose md5 is
-- the least, behind that. An image without an error has features.
CREATE OR REPLACE TABLE report_labels AS
SELECT label, count(*) AS images, count(error) AS errors,
       min(CASE WHEN error IS NULL THEN md5(path) || path END) AS first
FROM features GROUP BY label;
