-- The most frequent reasons, with the first paths of each, and the number of reasons there are.
SELECT error AS reason, count(*) AS images,
       array_slice(array_agg(path ORDER BY path), 1, ${paths}) AS paths,
       count(*) OVER () AS reasons
FROM features WHERE error IS NOT NULL
GROUP BY error ORDER BY images DESC, reason LIMIT ${reasons};
