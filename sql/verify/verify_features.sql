-- How far the features of two results are apart. Needs verify_sides.sql.
CREATE VIEW features_verdict AS
SELECT 'features' AS "column", rows, only_here, only_there, duplicates,
       max_difference, mean_difference, p99_9_difference, min_cosine, mean_cosine,
       CAST(${tolerance} AS DOUBLE) AS tolerance,
       '' AS remark,
       CASE WHEN rows > 0 AND complete AND max_difference <= ${tolerance}
                 AND (${allow_missing} OR only_here + only_there + duplicates = 0)
            THEN 'equal' ELSE 'differs' END AS verdict
FROM features_matching CROSS JOIN (
    SELECT max(abs(difference)) AS max_difference,
           avg(abs(difference)) AS mean_difference,
           approx_percentile_cont(0.999) WITHIN GROUP (ORDER BY abs(difference)) AS p99_9_difference,
           min(cosine) AS min_cosine,
           avg(cosine) AS mean_cosine,
           count(difference) = count(*) AS complete
    FROM (
        SELECT 1 - cosine_distance(here, there) AS cosine,
               unnest(array_subtract(CAST(here AS DOUBLE[]), CAST(there AS DOUBLE[]))) AS difference
        FROM features_pairs
    )
);
