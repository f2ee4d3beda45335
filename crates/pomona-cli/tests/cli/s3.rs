//! `s3://` through the binary, against a real server on loopback.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::StatusCode;
use pomona_tests::images;
use pomona_tests::instance_metadata::InstanceMetadata;
use pomona_tests::s3_faults::{Fault, RequestLine};
use pomona_tests::s3_server::{ACCESS_KEY, S3Server, SECRET_KEY};

use crate::workplace::Workplace;

#[test]
fn a_run_reads_and_writes_a_bucket() {
    let server = S3Server::start(&["photos", "results"]).unwrap();
    let labels = ["Apple Red", "Kiwi", "Pêche+Plate"];
    images::write_folder(&server.bucket("photos").join("Training"), &labels, 5);
    let place = Workplace::new().with_environment(server.environment());

    place
        .run(&["-i", "s3://photos/Training/", "-o", "s3://results/fruits"])
        .code(0);
    assert!(
        server
            .bucket("results")
            .join("fruits/manifest.json")
            .is_file()
    );

    // The same images on a disk have the same features.
    place.run(&["-i", "images", "-o", "out"]).code(0);
    let sql = "SELECT count(*) AS n, min(features_differ) AS differ FROM (
        SELECT CASE WHEN a.features = b.features THEN 0 ELSE 1 END AS features_differ
        FROM 's3://results/fruits/features/' a JOIN 'out/features/' b
        ON split_part(a.path, '/Training/', 2) = split_part(b.path, '/images/', 2))";
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", sql])
        .code(0);
    assert_eq!(ran.stdout(), "n,differ\n15,0\n");

    let paths = "SELECT path FROM 's3://results/fruits/pca/parquet/' ORDER BY path LIMIT 1";
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", paths])
        .code(0);
    assert_eq!(ran.stdout(), "path\ns3://photos/Training/Apple Red/0.png\n");

    // The report is there, with images that were read from the bucket, and can be written again.
    let report = server.bucket("results").join("fruits/report.html");
    let html = fs::read_to_string(&report).unwrap();
    assert!(html.contains("<title>Apple Red/0.png</title>"));
    assert!(html.contains("src=\"data:image/jpeg;base64,"));
    place
        .pomona(["report", "s3://results/fruits", "--lang", "fr"])
        .code(0);
    let html = fs::read_to_string(&report).unwrap();
    assert!(html.contains("<html lang=\"fr\">") && html.contains("src=\"data:image/jpeg;base64,"));
}

#[test]
fn a_listing_of_several_pages_is_whole() {
    let server = S3Server::start(&["photos"]).unwrap();
    let image = images::png(1, 8, 8);
    for number in 0..2_345 {
        let folder = server
            .bucket("photos")
            .join(format!("label {}", number % 7));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number}.png")), &image).unwrap();
    }
    let place = Workplace::new().with_environment(server.environment());
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://photos';
        SELECT count(*) AS n, count(DISTINCT path) AS paths, count(DISTINCT content) AS contents, sum(length) AS bytes FROM images";
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", sql])
        .code(0);
    let expected = format!(
        "n,paths,contents,bytes\n2345,2345,1,{}\n",
        2345 * image.len()
    );
    assert_eq!(ran.stdout(), expected);
}

#[test]
fn wrong_credentials_and_buckets_are_named() {
    let server = S3Server::start(&["photos"]).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    let create = |location: &str| {
        format!("CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{location}'")
    };
    place
        .pomona(["sql", "-c", &create("s3://photos/nothing/")])
        .code(1)
        .says("s3://photos/nothing");
    place
        .pomona(["sql", "-c", &create("s3://nowhere/")])
        .code(1)
        .says("nowhere");

    let stranger = Workplace::new()
        .with_environment(server.environment())
        .with_environment([(
            "AWS_SECRET_ACCESS_KEY",
            "not-the-secret-of-the-server".to_string(),
        )]);
    let ran = stranger
        .pomona(["sql", "-c", &create("s3://photos/")])
        .code(1)
        .says("photos");
    assert!(
        !ran.stderr().contains("not-the-secret-of-the-server"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn a_profile_has_credentials_and_a_region() {
    let server = S3Server::start(&["photos"]).unwrap();
    images::write_folder(&server.bucket("photos"), &["Kiwi"], 2);
    let place = Workplace::new().with_environment([
        ("AWS_ENDPOINT_URL", server.endpoint()),
        ("AWS_PROFILE", "tests".to_string()),
    ]);
    fs::create_dir(place.path(".aws")).unwrap();
    let profile = format!(
        "[tests]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\nregion = eu-west-3\n"
    );
    fs::write(place.path(".aws/credentials"), profile).unwrap();
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", COUNT])
        .code(0);
    assert_eq!(ran.stdout(), "n\n2\n");
}

#[test]
fn an_instance_has_the_credentials_of_its_role() {
    let server = S3Server::start(&["photos"]).unwrap();
    images::write_folder(&server.bucket("photos"), &["Kiwi"], 2);
    let instance = InstanceMetadata::start().unwrap();
    let place = Workplace::new().with_environment([
        ("AWS_ENDPOINT_URL", server.endpoint()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.endpoint()),
    ]);
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", COUNT])
        .code(0);
    assert_eq!(ran.stdout(), "n\n2\n");
}

#[test]
fn no_credentials_anywhere_names_the_ways_out() {
    let server = S3Server::start(&["photos"]).unwrap();
    let place = Workplace::new().with_environment([
        ("AWS_ENDPOINT_URL", server.endpoint()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_string()),
    ]);
    place
        .pomona(["sql", "-c", COUNT])
        .code(1)
        .says("AWS_ACCESS_KEY_ID");
}

const COUNT: &str = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://photos/';
    SELECT count(content) AS n FROM images";

#[test]
fn a_run_into_a_bucket_continues() {
    let server = S3Server::start(&["photos", "results"]).unwrap();
    let photos = server.bucket("photos");
    images::write_folder(&photos, &["Kiwi"], 6);
    let place = Workplace::new().with_environment(server.environment());
    let run = ["-i", "s3://photos/", "-o", "s3://results/fruits"];
    place.run(&run).code(0);
    place.run(&run).code(0).says("nothing has changed");

    fs::write(photos.join("Kiwi/new.png"), images::png(77, 90, 80)).unwrap();
    place.run(&run).code(0);
    let manifest = server.bucket("results").join("fruits/manifest.json");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    assert_eq!(manifest["counts"]["images"], 7);
    assert_eq!(manifest["counts"]["computed"], 1);
    assert_eq!(manifest["counts"]["reused"], 6);
    let count =
        place.query("SELECT count(DISTINCT path) AS n FROM 's3://results/fruits/features/'");
    assert_eq!(count, "n\n7\n");
}

#[test]
fn keys_that_are_no_paths_are_counted_and_stop_nothing() {
    let server = S3Server::start(&["photos"]).unwrap();
    images::write_folder(&server.bucket("photos"), &["Kiwi", "Apple Red+%20"], 3);
    for key in [
        "Kiwi//0.png",
        "./1.png",
        "Kiwi/../2.png",
        "/Kiwi/0.png",
        "Kiwi/3\r.png",
        "Kiwi/\u{1}.png",
    ] {
        server.list_key("photos", key, 7);
    }
    // Hidden, and what consoles write for folders.
    for (key, size) in [
        ("Kiwi//.4.png", 7),
        (".git//5.png", 7),
        ("Kiwi/", 0),
        ("x.png/", 0),
    ] {
        server.list_key("photos", key, size);
    }
    let place = Workplace::new().with_environment(server.environment());
    place
        .run(&["-i", "s3://photos", "-o", "d"])
        .code(0)
        .says("6 entries cannot be read: ")
        .says("s3://photos/./1.png");
    let manifest = fs::read(place.path("d/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["counts"]["images"], 6);
    assert_eq!(manifest["skipped"]["unreadable"], 6);

    // Below the folder that holds some of them, and where a condition narrows the listing.
    for (location, condition, count) in [
        ("s3://photos/Kiwi", "length > 0", 3),
        ("s3://photos/Kiwi/", "path LIKE 's3://photos/Kiwi/%'", 3),
        ("s3://photos", "label = 'Apple Red+%20'", 3),
        ("s3://photos/*", "label = 'Kiwi'", 3),
    ] {
        let sql = format!(
            "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{location}'
             OPTIONS (recursive '{}'); SELECT count(content) AS n FROM images WHERE {condition}",
            !location.ends_with('*')
        );
        let ran = place
            .pomona(["sql", "-q", "--format", "csv", "-c", &sql])
            .code(0);
        assert_eq!(ran.stdout(), format!("n\n{count}\n"), "{location}");
    }
}

#[test]
fn a_query_lists_what_it_needs() {
    let server = S3Server::start(&["photos"]).unwrap();
    for number in 0..2_600 {
        let folder = format!("photos/data/label {:02}", number % 20);
        let folder = server.root().join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number}.png")), "x").unwrap();
    }
    let place = Workplace::new().with_environment(server.environment());
    let lists = |location: &str, options: &str, query: &str| {
        let before = server.lists();
        let sql = format!(
            "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{location}' {options}; {query}"
        );
        let ran = place
            .pomona(["sql", "-q", "--format", "csv", "-c", &sql])
            .code(0);
        (server.lists() - before, ran.stdout())
    };
    let (create, _) = lists("s3://photos/data/", "", "SELECT 1");
    let count = "SELECT count(*) AS n FROM images";
    let limit = "SELECT path FROM images LIMIT 3";
    for (query, rows, most) in [
        (limit.to_owned(), "path\n", 1),
        (count.to_owned(), "n\n2600\n", 2 + 2 + 20),
        (
            format!("{count} WHERE path LIKE 's3://photos/data/label 07/%'"),
            "n\n130\n",
            1,
        ),
        (
            format!("{count} WHERE path LIKE 's3://photos/data/label 1%'"),
            "n\n1300\n",
            // The shell counts requests in a store around this one, which lists a folder from its
            // beginning on.
            3,
        ),
        (
            format!("{count} WHERE path = 's3://photos/data/label 00/0.png'"),
            "n\n1\n",
            1,
        ),
    ] {
        let (asked, printed) = lists("s3://photos/data/", "", &query);
        assert!(printed.starts_with(rows), "{query}: {printed}");
        assert!(
            asked - create <= most,
            "{} LIST requests for {query}",
            asked - create
        );
    }
    let flat = "OPTIONS (recursive 'false')";
    let (create, _) = lists("s3://photos/data/*", flat, "SELECT 1");
    for (condition, rows, most) in [
        ("label = 'label 03'", "n\n130\n", 1),
        ("label IN ('label 03', 'label 19', 'none')", "n\n260\n", 3),
    ] {
        let query = format!("{count} WHERE {condition}");
        let (asked, printed) = lists("s3://photos/data/*", flat, &query);
        assert_eq!(printed, rows, "{condition}");
        assert!(
            asked - create <= most,
            "{} LIST requests for {query}",
            asked - create
        );
    }
}

#[test]
fn tables_without_a_definition_read_buckets() {
    let server = S3Server::start(&["photos"]).unwrap();
    let data = server.bucket("photos").join("data");
    for number in 0..2_600 {
        let folder = data.join(format!("label {:02}", number % 20));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number}.png")), "x").unwrap();
    }
    let names = ["it's", "#1?", "100%20"];
    images::write_folder(&server.bucket("photos").join("names"), &names, 2);
    let place = Workplace::new().with_environment(server.environment());
    let lists = |query: &str| {
        let before = server.lists();
        let printed = place.query(query);
        (server.lists() - before, printed)
    };
    let count = "SELECT count(*) AS n FROM";
    let first = "path\n\
        s3://photos/data/label 00/0.png\n\
        s3://photos/data/label 00/100.png\n\
        s3://photos/data/label 00/1000.png\n";
    for (query, rows, most) in [
        // One asks what the location is, one shows what it holds.
        (
            "SELECT path FROM images('s3://photos/data/') LIMIT 3".to_owned(),
            first,
            2,
        ),
        (
            "SELECT path FROM 's3://photos/data/' LIMIT 3".to_owned(),
            first,
            3,
        ),
        (
            "SELECT path FROM 's3://photos/data/*/1*.png' LIMIT 3".to_owned(),
            "path\n\
             s3://photos/data/label 00/100.png\n\
             s3://photos/data/label 00/1000.png\n\
             s3://photos/data/label 00/1020.png\n",
            4,
        ),
        (
            format!(
                "{count} images('s3://photos/data/') WHERE path LIKE 's3://photos/data/label 07/%'"
            ),
            "n\n130\n",
            2,
        ),
        (
            format!(
                "{count} images('s3://photos/data/*', recursive => false) WHERE label = 'label 03'"
            ),
            "n\n130\n",
            4,
        ),
        (
            format!("{count} 's3://photos/data/'"),
            "n\n2600\n",
            2 + 2 + 2 + 20,
        ),
        (format!("{count} 's3://photos/names/it''s/'"), "n\n2\n", 3),
        (format!("{count} 's3://photos/names/#1?/'"), "n\n2\n", 3),
        (
            format!("{count} 's3://photos/names/100%20/1.png'"),
            "n\n1\n",
            0,
        ),
        (
            format!("{count} images('s3://photos/names/#1?/')"),
            "n\n2\n",
            2,
        ),
    ] {
        let (asked, printed) = lists(&query);
        // A listing stops after the first three, and two partitions read them: their order is anyone's.
        let (head, found) = printed.split_once('\n').unwrap();
        let mut found: Vec<&str> = found.lines().collect();
        found.sort_unstable();
        assert_eq!(format!("{head}\n{}\n", found.join("\n")), rows, "{query}");
        assert!(asked <= most, "{asked} LIST requests for {query}");
    }
    let copy = "COPY (SELECT 7 AS n) TO 's3://photos/numbers/' STORED AS PARQUET";
    place.query(copy);
    assert_eq!(
        place.query("SELECT n FROM 's3://photos/numbers/'"),
        "n\n7\n"
    );
    assert_eq!(
        place.query("SELECT n FROM 's3://photos/numbers/*.parquet'"),
        "n\n7\n"
    );
    for (name, words) in [
        (
            "s3://photos/nothing/",
            "no object found below s3://photos/nothing/",
        ),
        (
            "s3://photos/data/*.gif",
            "no file matches s3://photos/data/*.gif",
        ),
    ] {
        let query = format!("SELECT * FROM '{name}'");
        place.pomona(["sql", "-c", &query]).code(1).says(words);
    }
}

/// Commands that read or write a bucket, each with the exit code that it has where it cannot.
fn commands(read: &str, written: &str) -> Vec<Vec<String>> {
    let sql = |query: String| vec!["sql".to_owned(), "-q".to_owned(), "-c".to_owned(), query];
    let run = |input: &str, output: &str| {
        let run = [
            "run",
            "--weights",
            "random.safetensors",
            "-k",
            "3",
            "-i",
            input,
            "-o",
            output,
        ];
        run.map(str::to_owned).to_vec()
    };
    vec![
        sql(format!("SELECT count(*) FROM images('s3://{read}/')")),
        sql(format!("SELECT count(*) FROM 's3://{read}/Training/'")),
        sql(format!("COPY (SELECT 1 AS n) TO 's3://{written}/n.csv'")),
        sql(format!(
            "COPY (SELECT 1 AS n) TO 's3://{written}/n/' STORED AS PARQUET"
        )),
        run(&format!("s3://{read}/Training/"), "out"),
        run("images", &format!("s3://{written}/out")),
    ]
}

#[test]
fn a_bucket_that_does_not_serve_is_explained() {
    let explained = |place: &Workplace, read: &str, written: &str, words: &str| {
        for command in commands(read, written) {
            let ran = place.pomona(&command).code(1).says(words);
            let said = ran.stderr();
            for raw in [
                "<Code>",
                "<?xml",
                "Internal error",
                "object_store",
                "Generic S3",
            ] {
                assert!(!said.contains(raw), "{command:?}: {said}");
            }
        }
    };
    let server = S3Server::start(&["photos"]).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    let words = "the bucket 'nowhere' does not exist (NoSuchBucket)";
    explained(&place, "nowhere", "nowhere", words);

    let stranger = Workplace::new()
        .with_environment(server.environment())
        .with_environment([("AWS_SECRET_ACCESS_KEY", "wrong".to_string())]);
    explained(&stranger, "photos", "photos", "check AWS_SECRET_ACCESS_KEY");

    for (code, words) in [
        ("InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"),
        ("PermanentRedirect", "set AWS_REGION to"),
        ("AccessDenied", "AccessDenied"),
    ] {
        let refuse =
            Box::new(move |_: &RequestLine| Some(Fault::Refusal(StatusCode::FORBIDDEN, code)));
        let server = S3Server::start_faulty(&["photos"], refuse).unwrap();
        let place = Workplace::new().with_environment(server.environment());
        explained(&place, "photos", "photos", words);
    }

    let closed = format!(
        "http://127.0.0.1:{}",
        pomona_tests::ports::free_port().unwrap()
    );
    let place = Workplace::new()
        .with_environment(server.environment())
        .with_environment([
            ("AWS_ENDPOINT_URL", closed),
            ("AWS_MAX_ATTEMPTS", "1".to_string()),
        ]);
    explained(
        &place,
        "photos",
        "photos",
        "the server of the bucket 'photos' cannot be reached",
    );
}

#[test]
fn a_folder_wins_over_an_object_of_its_name() {
    let server = S3Server::start(&["photos"]).unwrap();
    images::write_folder(&server.bucket("photos").join("data"), &["Kiwi"], 4);
    server.list_key("photos", "data", 0);
    let place = Workplace::new().with_environment(server.environment());
    place
        .run(&["-i", "s3://photos/data", "-o", "out"])
        .code(0)
        .says("s3://photos/data is an object and a folder: what is read is the folder");
    assert_eq!(
        place.query("SELECT count(*) AS n FROM 'out/features/'"),
        "n\n4\n"
    );
    assert_eq!(
        place.query("SELECT count(*) AS n FROM 's3://photos/data'"),
        "n\n4\n"
    );
}

#[test]
fn a_run_over_an_inventory_lists_no_bucket_and_knows_its_images_again() {
    let server = S3Server::start(&["photos", "inventory"]).unwrap();
    images::write_folder(&server.bucket("photos"), &["Apple Red", "Kiwi"], 4);
    let rows: String = ["Apple+Red", "Kiwi"]
        .iter()
        .flat_map(|label| (0..4).map(move |i| format!("\"photos\",\"{label}/{i}.png\",\"e{i}\"\n")))
        .collect();
    let mut gzip = GzEncoder::new(vec![], Compression::default());
    gzip.write_all(rows.as_bytes()).unwrap();
    let data = gzip.finish().unwrap();
    let home = server.bucket("inventory").join("photos/daily");
    fs::create_dir_all(home.join("data")).unwrap();
    fs::create_dir_all(home.join("2026-01-02T00-00Z")).unwrap();
    fs::write(home.join("data/1.csv.gz"), &data).unwrap();
    let manifest = format!(
        r#"{{"sourceBucket": "photos", "destinationBucket": "arn:aws:s3:::inventory",
            "fileFormat": "CSV", "fileSchema": "Bucket, Key, ETag",
            "files": [{{"key": "photos/daily/data/1.csv.gz", "size": {}, "MD5checksum": ""}}]}}"#,
        data.len()
    );
    fs::write(home.join("2026-01-02T00-00Z/manifest.json"), manifest).unwrap();

    let place = Workplace::new().with_environment(server.environment());
    let input = "s3://inventory/photos/daily/2026-01-02T00-00Z/manifest.json";
    place.run(&["-i", input, "-o", "out"]).code(0);
    let sql = "SELECT count(*) AS n, count(features) AS features, count(length) AS lengths, min(path) AS path FROM 'out/features/'";
    let ran = place.pomona(["sql", "-q", "--format", "csv", "-c", sql]);
    let expected = "n,features,lengths,path\n8,8,0,s3://photos/Apple Red/0.png\n";
    assert_eq!(ran.code(0).stdout(), expected);
    let lists = |line: &RequestLine| line.lists_keys() && line.path.starts_with("/photos");
    assert!(
        !server.requests().iter().any(lists),
        "{:?}",
        server.requests()
    );

    let reads = || {
        let requests = server.requests();
        let images = requests
            .iter()
            .filter(|line| line.path.starts_with("/photos"));
        images.count()
    };
    let before = reads();
    let ran = place.run(&["-i", input, "-o", "out"]).code(0);
    assert_eq!(reads(), before, "{}", ran.stderr());
}
