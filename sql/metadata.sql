-- What is known of each picture without the network, and of each label. Needs images.sql.
COPY (
    SELECT path, label, length, modification_time,
           info['width'] AS width, info['height'] AS height, info['format'] AS format
    FROM (SELECT *, image_info(content) AS info FROM pictures)
) TO '${output}/metadata/parquet/' STORED AS PARQUET;

CREATE EXTERNAL TABLE metadata STORED AS PARQUET LOCATION '${output}/metadata/parquet/';

COPY (SELECT * FROM metadata ORDER BY path)
TO '${output}/metadata/csv/metadata.csv' STORED AS CSV OPTIONS ('format.has_header' 'true');

COPY (
    SELECT label, count(*) AS images, sum(length) AS bytes,
           min(width) AS min_width, max(width) AS max_width,
           min(height) AS min_height, max(height) AS max_height
    FROM metadata GROUP BY label ORDER BY label
) TO '${output}/stats/stats.csv' STORED AS CSV OPTIONS ('format.has_header' 'true');
