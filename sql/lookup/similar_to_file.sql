-- The images nearest to an image file by the cosine of their vectors; the file's is made with the
-- weights and options of the results. Exact: every image is compared.
SET pomona.weights = '${weights}';
SET pomona.weights_sha256 = '${weights_sha256}';
SET pomona.exif_orientation = '${exif_orientation}';
SET pomona.truncated = '${truncated}';
SET pomona.precision = '${precision}';

CREATE EXTERNAL TABLE IF NOT EXISTS image STORED AS IMAGES LOCATION '${image}';
CREATE EXTERNAL TABLE IF NOT EXISTS pca_model STORED AS RESULTS LOCATION '${output}/model/';
CREATE EXTERNAL TABLE IF NOT EXISTS vectors STORED AS RESULTS LOCATION '${vectors}';

SELECT path, label, least(1 - cosine_distance(${by}, (SELECT ${vector} FROM image)), 1) AS similarity
FROM vectors
WHERE ${by} IS NOT NULL
ORDER BY similarity DESC NULLS LAST, path
LIMIT ${count};
