-- The principal components of the features: ${components} of them, or that share of the variance;
-- and their moments, from which the model follows and can be brought up to date without the
-- features. Needs features.sql.
CREATE EXTERNAL TABLE IF NOT EXISTS features STORED AS PARQUET LOCATION '${output}/features/';

-- Hardly a number repeats, so that a dictionary would only cost time.
COPY (SELECT pca_moments(features) AS moments FROM features)
TO '${output}/moments/' STORED AS PARQUET OPTIONS ('format.dictionary_enabled' 'false');

CREATE EXTERNAL TABLE IF NOT EXISTS moments STORED AS PARQUET LOCATION '${output}/moments/';

COPY (SELECT pca_solve(moments, '${components}') AS model FROM moments)
TO '${output}/model/' STORED AS PARQUET OPTIONS ('format.dictionary_enabled' 'false');

CREATE EXTERNAL TABLE IF NOT EXISTS pca_model STORED AS PARQUET LOCATION '${output}/model/';
