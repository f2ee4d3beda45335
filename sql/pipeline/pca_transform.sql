-- The features projected on the components. Needs features.sql and pca_fit.sql.
CREATE EXTERNAL TABLE IF NOT EXISTS features STORED AS PARQUET LOCATION '${output}/features/';
CREATE EXTERNAL TABLE IF NOT EXISTS pca_model STORED AS PARQUET LOCATION '${output}/model/';

COPY (
    SELECT path, label, pca_transform(features, (SELECT model FROM pca_model)) AS pca
    FROM features WHERE features IS NOT NULL
) TO '${output}/pca/parquet/' STORED AS PARQUET
OPTIONS ('format.dictionary_enabled::pca.list.item' 'false');
