-- What is known of each label. Needs metadata.sql.
CREATE EXTERNAL TABLE IF NOT EXISTS metadata STORED AS PARQUET LOCATION '${output}/metadata/parquet/';

CREATE OR REPLACE VIEW stats AS
SELECT label, count(*) AS images, sum(length) AS bytes,
       min(width) AS min_width, max(width) AS max_width,
       min(height) AS min_height, max(height) AS max_height
FROM metadata GROUP BY label;

COPY (SELECT * FROM stats ORDER BY label) TO '${output}/stats/stats.parquet' STORED AS PARQUET;

COPY (SELECT * FROM stats ORDER BY label) TO '${output}/stats/stats.csv' STORED AS CSV OPTIONS ('format.has_header' 'true');
