-- The images nearest to one of the results' own by the cosine of their vectors. Exact: every
-- image is compared.
CREATE EXTERNAL TABLE IF NOT EXISTS vectors STORED AS RESULTS LOCATION '${vectors}';

SELECT path, label,
       least(1 - cosine_distance(${by}, (SELECT ${by} FROM vectors WHERE path = '${image}')), 1) AS similarity
FROM vectors
WHERE path <> '${image}' AND ${by} IS NOT NULL
ORDER BY similarity DESC NULLS LAST, path
LIMIT ${count};
