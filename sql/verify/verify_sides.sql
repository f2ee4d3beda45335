-- A column of two results, side by side. Images are matched by the last parts of their paths, which
-- stay the same wherever the images were read from; keys that are not unique are not compared.
CREATE EXTERNAL TABLE ${column}_files_here STORED AS ${here_form} LOCATION '${here}';
CREATE EXTERNAL TABLE ${column}_files_there STORED AS ${there_form} LOCATION '${there}';

CREATE VIEW ${column}_here AS
SELECT array_to_string(array_slice(string_to_array(url_decode(${here_path}), '/'), -${parts}, -1), '/') AS key,
       ${here_vector} AS vector
FROM ${column}_files_here WHERE ${here_vector} IS NOT NULL;

CREATE VIEW ${column}_there AS
SELECT array_to_string(array_slice(string_to_array(url_decode(${there_path}), '/'), -${parts}, -1), '/') AS key,
       ${there_vector} AS vector
FROM ${column}_files_there WHERE ${there_vector} IS NOT NULL;

CREATE TABLE ${column}_keys AS
SELECT key, sum(here) AS here, sum(there) AS there
FROM (
    SELECT key, 1 AS here, 0 AS there FROM ${column}_here
    UNION ALL
    SELECT key, 0, 1 FROM ${column}_there
)
GROUP BY key;

CREATE VIEW ${column}_matching AS
SELECT count(*) FILTER (WHERE here = 1 AND there = 1) AS rows,
       count(*) FILTER (WHERE there = 0) AS only_here,
       count(*) FILTER (WHERE here = 0) AS only_there,
       count(*) FILTER (WHERE here > 1 OR there > 1) AS duplicates
FROM ${column}_keys;

CREATE VIEW ${column}_pairs AS
SELECT keys.key, one.vector AS here, other.vector AS there
FROM ${column}_keys AS keys
JOIN ${column}_here AS one ON one.key = keys.key
JOIN ${column}_there AS other ON other.key = keys.key
WHERE keys.here = 1 AND keys.there = 1;
