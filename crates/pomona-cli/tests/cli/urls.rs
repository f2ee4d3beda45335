//! A run over a file of URLs.

use std::fs;

use pomona_tests::images;
use pomona_tests::web_server::{Page, WebServer};

use crate::workplace::Workplace;

#[test]
fn a_run_reads_the_urls_of_a_file_that_it_may_read() {
    let server = WebServer::start().unwrap();
    let mut list = "url\n".to_string();
    for i in 0..6 {
        let image = images::png(i, 30, 20);
        let url = server.put(&format!("/Kiwi/{i}.png"), Page::File(image.into()));
        list += &format!("{url}\n");
    }
    // One twice, one that is not there, and two that are none of a stranger's business.
    list += &format!(
        "{}\n{}\n",
        server.url("/Kiwi/0.png"),
        server.url("/Kiwi/none.png")
    );
    list += "http://169.254.169.254/latest/meta-data/\nfile:///proc/self/environ\n";
    let place = Workplace::new();
    fs::write(place.path("urls.csv"), list).unwrap();

    // Nobody has allowed the machine itself.
    place
        .run(&["-i", "urls.csv", "-o", "refused"])
        .code(1)
        .says("of this machine or its network");
    assert_eq!(server.requests(), [""; 0]);
    place
        .run(&[
            "-i",
            "urls.csv",
            "-o",
            "out",
            "--url-hosts",
            "http://a.org/",
        ])
        .code(2)
        .says("pomona.url_hosts");

    let hosts = format!("127.0.0.1:{}", server.port());
    let arguments = [
        "-i",
        "urls.csv",
        "-o",
        "out",
        "--max-error-rate",
        "1",
        "--url-hosts",
        &hosts,
    ];
    place.run(&arguments).code(0);
    let sql = "SELECT count(*) AS n, count(features) AS features, min(label) AS label, count(DISTINCT path) AS paths, min(error) AS error FROM 'out/features/'";
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", sql])
        .code(0);
    assert_eq!(
        ran.stdout(),
        "n,features,label,paths,error\n7,6,Kiwi,7,not found\n"
    );
    let once = server.count("/Kiwi/1.png");
    assert!(
        (1..=2).contains(&once),
        "read for its features, and for the report: {once}"
    );
}

#[test]
fn a_column_of_paths_has_any_name() {
    let place = Workplace::new();
    for format in ["csv", "parquet"] {
        let rows = "SELECT 'none' AS path, 'images/Kiwi/' || value || '.png' AS file FROM generate_series(0, 4)";
        place.query(&format!("COPY ({rows}) TO 'list.{format}'"));
        let (list, output) = (format!("list.{format}"), format!("{format}-out"));
        place
            .run(&["-i", &list, "-o", &output, "--path-column", "file"])
            .code(0);
        let sql =
            format!("SELECT count(features) AS n, min(label) AS label FROM '{output}/features/'");
        assert_eq!(place.query(&sql), "n,label\n5,Kiwi\n");
        let manifest = fs::read_to_string(place.path(&format!("{output}/manifest.json"))).unwrap();
        assert!(manifest.contains(r#""path_column": "file""#), "{manifest}");
        let estimate = ["estimate", "-i", &list, "--path-column", "file"];
        let estimate = place.pomona(estimate).code(0).stdout();
        assert!(estimate.contains("5 images, evenly spread"), "{estimate}");
        place
            .run(&["-i", &list, "-o", "none", "--path-column", "files"])
            .code(1)
            .says("no column files");
    }
    // It would be ignored there.
    place
        .run(&["-i", "images", "-o", "none", "--path-column", "file"])
        .code(2)
        .says("'images' is no CSV or Parquet file that lists images");
    assert!(!place.path("none/manifest.json").exists());
}

#[test]
fn a_bucket_without_a_region_is_the_reason_of_its_urls_alone() {
    // What asks S3 for the region of a bucket goes through this proxy, and nobody listens there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let place = Workplace::new().with_environment([
        ("AWS_ACCESS_KEY_ID", "key".to_string()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_string()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_string()),
        ("HTTPS_PROXY", proxy.clone()),
        ("https_proxy", proxy),
        ("NO_PROXY", String::new()),
        ("no_proxy", String::new()),
    ]);
    let file = place.path("images/Kiwi/0.png");
    let sql = format!(
        "SELECT i, try_read_image(url) IS NULL AS none, read_error(url) AS reason FROM (VALUES \
         (1, 's3://far-away/1.jpg'), (2, 's3://far-away/2.jpg'), (3, 'file://{}')) t(i, url) \
         ORDER BY i",
        file.display()
    );
    let rows = place.query(&sql);
    let rows: Vec<_> = rows.lines().collect();
    for (row, begin) in rows[1..3].iter().zip(["1,true,", "2,true,"]) {
        assert!(row.starts_with(begin), "{rows:?}");
        assert!(
            row.contains("the region of the bucket 'far-away' cannot be found (")
                && row.contains("set AWS_REGION"),
            "{rows:?}"
        );
    }
    assert_eq!(rows[3], "3,false,");
    place
        .pomona(["sql", "-c", "SELECT read_image('s3://far-away/1.jpg')"])
        .code(1)
        .says("the region of the bucket 'far-away' cannot be found");
}
