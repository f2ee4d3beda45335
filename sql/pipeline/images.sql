-- The images of a run: the images below ${input} that ${filter} lets through, ${limit} at most.
-- An object that vanishes after the listing is a row without content, which later stages report.
CREATE EXTERNAL TABLE images
STORED AS IMAGES
LOCATION '${input}'
OPTIONS ('missing' 'null');

CREATE VIEW selected_images AS
SELECT * FROM images WHERE ${filter} LIMIT ${limit};
