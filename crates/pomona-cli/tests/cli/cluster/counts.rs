//! Every object exactly once, however many there are.

use std::fs;

use pomona_tests::s3_server::S3Server;

use super::{options, start};
use crate::workplace::Workplace;

#[test]
fn twenty_thousand_objects_are_read_once_each() {
    let server = S3Server::start(&["photos"]).unwrap();
    let mut bytes = 0;
    for number in 0..20_000 {
        let folder = server
            .bucket("photos")
            .join(format!("{}/label {}", number % 7, number % 131));
        fs::create_dir_all(&folder).unwrap();
        let content = format!("{number}");
        bytes += content.len();
        fs::write(folder.join(format!("{number}.jpg")), content).unwrap();
    }
    let cluster = start(options().with_environment(server.environment()));
    let place = Workplace::new().with_environment(server.environment());
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://photos';
        SELECT count(*) AS n, count(DISTINCT path) AS paths, count(DISTINCT content) AS contents,
            sum(octet_length(arrow_cast(content, 'Utf8'))) AS bytes,
            sum(CASE WHEN path LIKE '%/' || arrow_cast(content, 'Utf8') || '.jpg' THEN 0 ELSE 1 END) AS wrong
        FROM images";
    let ran = place.pomona([
        "sql",
        "--scheduler",
        &cluster.url(),
        "--partitions",
        "16",
        "--format",
        "csv",
        "-c",
        sql,
    ]);
    assert_eq!(
        ran.code(0).stdout(),
        format!("n,paths,contents,bytes,wrong\n20000,20000,20000,{bytes},0\n")
    );
}

#[test]
fn a_plan_larger_than_the_usual_limit_of_a_message_arrives() {
    let cluster = start(options());
    let place = Workplace::new();
    // 24 MB of rows in the plan: gRPC's usual limit is 4 MB, and Ballista's 16.
    let sql = "CREATE TABLE large AS
            SELECT value, repeat(CAST(value % 10 AS VARCHAR), 2400) AS text
            FROM generate_series(1, 10000);
        SELECT count(*) AS n, sum(length(text)) AS letters, sum(value) AS total FROM large";
    let ran = place.pomona([
        "sql",
        "--scheduler",
        &cluster.url(),
        "--format",
        "csv",
        "-c",
        sql,
    ]);
    assert_eq!(
        ran.code(0).stdout(),
        "n,letters,total\n10000,24000000,50005000\n"
    );
}
