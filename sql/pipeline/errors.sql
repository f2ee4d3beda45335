-- The images without features, with the reason. Needs features.sql.
CREATE EXTERNAL TABLE IF NOT EXISTS features STORED AS PARQUET LOCATION '${output}/features/';

CREATE OR REPLACE VIEW errors AS
SELECT path, label, error FROM features WHERE error IS NOT NULL;

COPY (SELECT * FROM errors ORDER BY path) TO '${output}/errors/errors.parquet' STORED AS PARQUET;

COPY (SELECT * FROM errors ORDER BY path) TO '${output}/errors/errors.csv' STORED AS CSV OPTIONS ('format.has_header' 'true');
