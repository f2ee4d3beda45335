-- The most frequent reasons, and the number of reasons there are.
SELECT error AS reason, count(*) AS images, count(*) OVER () AS reasons
FROM features WHERE error IS NOT NULL
GROUP BY error ORDER BY images DESC, reason LIMIT ${reasons};
