-- How far the principal components of two results are apart. Needs verify_sides.sql.
--
-- The sign of a component is free, so each is turned the way in which it varies together with the
-- other. Spark's MLlib does not subtract the mean before it projects, scikit-learn and Pomona do;
-- the results are then a constant vector apart, which is taken away where it explains the
-- difference. Where one side has more components than the other, the first ones are compared.
CREATE VIEW pca_values AS
SELECT key, component, CAST(here AS DOUBLE) AS here, CAST(there AS DOUBLE) AS there
FROM (
    SELECT key,
           unnest(range(1, CAST(least(array_length(here), array_length(there)) AS BIGINT) + 1)) AS component,
           unnest(here) AS here,
           unnest(there) AS there
    FROM pca_pairs
)
WHERE component IS NOT NULL;

CREATE TABLE pca_components AS
SELECT component, sign, mean_here, sign * mean_there AS mean_there, variance
FROM (
    SELECT component,
           CASE WHEN covar_pop(here, there) < 0 THEN -1 ELSE 1 END AS sign,
           avg(here) AS mean_here, avg(there) AS mean_there, var_samp(here) AS variance
    FROM pca_values GROUP BY component
);

CREATE TABLE pca_centring AS
SELECT offset_between > ${tolerance} AND rest < 0.01 * offset_between AS apart, here_centred
FROM (
    SELECT max(abs(mean_here - mean_there)) AS offset_between,
           max(abs(mean_here)) < max(abs(mean_there)) AS here_centred
    FROM pca_components
) CROSS JOIN (
    SELECT max(abs((here - mean_here) - (sign * there - mean_there))) AS rest
    FROM pca_values JOIN pca_components ON pca_values.component = pca_components.component
);

CREATE VIEW pca_aligned AS
SELECT key, pca_values.component, here,
       sign * there + CASE WHEN apart THEN mean_here - mean_there ELSE 0 END AS there
FROM pca_values
JOIN pca_components ON pca_values.component = pca_components.component
CROSS JOIN pca_centring;

CREATE VIEW pca_verdict AS
SELECT 'pca' AS "column", rows, only_here, only_there, duplicates,
       max_difference, mean_difference, p99_9_difference, min_cosine, mean_cosine,
       CAST(${tolerance} AS DOUBLE) AS tolerance,
       concat_ws('; ',
           k || ' components',
           CASE WHEN flipped > 0 THEN flipped || ' with the other sign' END,
           CASE WHEN apart AND here_centred THEN 'not centred there'
                WHEN apart THEN 'not centred here' END) AS remark,
       CASE WHEN rows > 0 AND complete AND max_difference <= ${tolerance}
                 AND (${allow_missing} OR only_here + only_there + duplicates = 0)
            THEN 'equal' ELSE 'differs' END AS verdict
FROM pca_matching
CROSS JOIN (
    SELECT count(*) AS k, count(*) FILTER (WHERE sign < 0) AS flipped FROM pca_components
)
CROSS JOIN pca_centring
CROSS JOIN (
    SELECT max(largest) AS max_difference, sum(total) / sum(numbers) AS mean_difference,
           min(cosine) AS min_cosine, avg(cosine) AS mean_cosine, bool_and(complete) AS complete
    FROM (
        SELECT max(abs(here - there)) AS largest, sum(abs(here - there)) AS total, count(*) AS numbers,
               sum(here * there) / nullif(sqrt(sum(here * here) * sum(there * there)), 0) AS cosine,
               count(here - there) = count(*) AS complete
        FROM pca_aligned GROUP BY key
    )
)
CROSS JOIN (
    SELECT approx_percentile_cont(0.999) WITHIN GROUP (ORDER BY abs(here - there)) AS p99_9_difference
    FROM pca_aligned
);
