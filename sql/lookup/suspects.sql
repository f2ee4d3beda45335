-- The images whose label is not that of most of their nearest other images, by the cosine of
-- their vectors; those with the fewest neighbours of their own label first.
CREATE EXTERNAL TABLE IF NOT EXISTS vectors STORED AS RESULTS LOCATION '${vectors}';

CREATE TABLE labelled AS
SELECT CAST(row_number() OVER (ORDER BY path) AS BIGINT) AS position, path, label, ${by} AS vector
FROM vectors WHERE ${by} IS NOT NULL;

-- One more than is asked for, because an image is among its own neighbours.
CREATE TABLE neighbours AS
SELECT position, neighbour['position'] AS neighbour, neighbour['similarity'] AS similarity
FROM (
    SELECT position,
           unnest(nearest(vector, (SELECT array_agg(vector ORDER BY position) FROM labelled),
                          ${neighbours} + 1)) AS neighbour
    FROM labelled
)
WHERE neighbour['position'] <> position;

WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY position ORDER BY similarity DESC, neighbour) AS rank
    FROM neighbours
), votes AS (
    SELECT ranked.position, voter.label, count(*) AS votes, avg(similarity) AS similarity
    FROM ranked JOIN labelled AS voter ON ranked.neighbour = voter.position
    WHERE rank <= ${neighbours}
    GROUP BY ranked.position, voter.label
), elections AS (
    -- Where labels have as many votes, the image's own is left in peace.
    SELECT path, labelled.label, votes.label AS suggested, votes, similarity,
           sum(votes) OVER (PARTITION BY votes.position) AS voters,
           max(CASE WHEN votes.label = labelled.label THEN votes ELSE 0 END)
               OVER (PARTITION BY votes.position) AS own_votes,
           row_number() OVER (
               PARTITION BY votes.position
               ORDER BY votes DESC, votes.label = labelled.label DESC, similarity DESC, votes.label
           ) AS place
    FROM votes JOIN labelled ON votes.position = labelled.position
)
SELECT path, label, suggested,
       CAST(own_votes AS DOUBLE) / voters AS agreement,
       CAST(votes AS DOUBLE) / voters AS support,
       similarity
FROM elections
WHERE place = 1 AND suggested <> label
ORDER BY agreement, support DESC, similarity DESC, path
LIMIT ${count};
