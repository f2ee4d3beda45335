-- The pictures nearest to a picture file, ${image}, by the cosine of their ${by}: features or pca.
-- ${vector} makes of the file's content what the results hold, with the weights of the results.
SET pomona.weights = '${weights}';
SET pomona.weights_sha256 = '${weights_sha256}';

CREATE EXTERNAL TABLE IF NOT EXISTS picture STORED AS IMAGES LOCATION '${image}';
CREATE EXTERNAL TABLE IF NOT EXISTS pca_model STORED AS PARQUET LOCATION '${output}/model/';
CREATE EXTERNAL TABLE IF NOT EXISTS vectors STORED AS PARQUET LOCATION '${vectors}';

SELECT path, label, least(1 - cosine_distance(${by}, (SELECT ${vector} FROM picture)), 1) AS similarity
FROM vectors
WHERE ${by} IS NOT NULL
ORDER BY similarity DESC NULLS LAST, path
LIMIT ${count};
