-- The features as text, in files of a bounded size that hold the rows in no order: sorting them all
-- would hold them all. CSV has no lists: the vector is written as a JSON array. Needs features.sql.
CREATE EXTERNAL TABLE IF NOT EXISTS features STORED AS PARQUET LOCATION '${output}/features/';

COPY (
    SELECT * REPLACE ('[' || array_to_string(features, ',') || ']' AS features) FROM features
) TO '${output}/features_csv/' STORED AS CSV OPTIONS ('format.has_header' 'true');
