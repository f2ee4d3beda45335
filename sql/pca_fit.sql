-- The principal components of the features: ${components} of them, or that share of the variance.
-- Needs features.sql.
CREATE EXTERNAL TABLE IF NOT EXISTS features STORED AS PARQUET LOCATION '${output}/features/';

COPY (SELECT pca_fit(features, ${components}) AS model FROM features)
TO '${output}/model/' STORED AS PARQUET;
