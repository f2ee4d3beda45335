-- What is known of each image without the network. Needs features.sql.
CREATE EXTERNAL TABLE IF NOT EXISTS features STORED AS PARQUET LOCATION '${output}/features/';

COPY (SELECT path, label, length, modification_time, width, height, format FROM features)
TO '${output}/metadata/parquet/' STORED AS PARQUET;
