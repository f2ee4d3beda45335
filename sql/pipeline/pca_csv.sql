-- The features projected on the components, as text. CSV has no lists: the vector is written as a
-- JSON array. Needs features.sql and pca_fit.sql.
CREATE EXTERNAL TABLE IF NOT EXISTS features STORED AS PARQUET LOCATION '${output}/features/';
CREATE EXTERNAL TABLE IF NOT EXISTS pca_model STORED AS PARQUET LOCATION '${output}/model/';

COPY (
    SELECT path, label, '[' || array_to_string(pca, ',') || ']' AS pca
    FROM (
        SELECT path, label, pca_transform(features, (SELECT model FROM pca_model)) AS pca
        FROM features WHERE features IS NOT NULL
    ) ORDER BY path
) TO '${output}/pca/csv/pca.csv' STORED AS CSV OPTIONS ('format.has_header' 'true');
