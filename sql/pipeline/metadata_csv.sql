-- The metadata as text. Needs metadata.sql.
CREATE EXTERNAL TABLE IF NOT EXISTS metadata STORED AS PARQUET LOCATION '${output}/metadata/parquet/';

COPY (SELECT * FROM metadata ORDER BY path)
TO '${output}/metadata/csv/metadata.csv' STORED AS CSV OPTIONS ('format.has_header' 'true');
