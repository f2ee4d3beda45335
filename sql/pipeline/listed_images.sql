-- In the place of images.sql, the images of a run that a CSV or Parquet file ${input} lists: those of its
-- column ${path_column} that ${filter} lets through, ${limit} at most.
CREATE EXTERNAL TABLE images
STORED AS IMAGES
LOCATION '${input}'
OPTIONS ('missing' 'null', 'path_column' '${path_column}');

CREATE VIEW selected_images AS
SELECT * FROM images WHERE ${filter} LIMIT ${limit};
