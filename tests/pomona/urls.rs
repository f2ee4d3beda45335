//! URLs as data: what is read of web servers, stores and disks, and what is not.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::util::pretty::pretty_format_batches;
use axum::http::StatusCode;
use datafusion::prelude::SessionContext;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pomona_session::plain_message;
use pomona_tests::images;
use pomona_tests::patience::wait_until;
use pomona_tests::web_server::{Page, WebServer};
use url::Url;

use crate::engine::{cluster_session, local_session, query, set, shared_cluster};

/// A session that may read from the server.
fn session(server: &WebServer) -> Result<SessionContext> {
    let ctx = local_session("")?;
    allow(&ctx, server)?;
    Ok(ctx)
}

fn allow(ctx: &SessionContext, server: &WebServer) -> Result<()> {
    set(
        ctx,
        "pomona.url_hosts",
        &format!("127.0.0.1:{}", server.port()),
    )
}

/// Rows of a table `(i, url)`.
fn rows<S: AsRef<str>>(urls: &[S]) -> String {
    let rows = urls.iter().enumerate();
    let rows = rows.map(|(i, url)| format!("({i}, '{}')", url.as_ref()));
    format!(
        "(VALUES {}) AS t(i, url)",
        rows.collect::<Vec<_>>().join(", ")
    )
}

/// Why each URL cannot be read; an empty text where it can.
async fn errors<S: AsRef<str>>(ctx: &SessionContext, urls: &[S]) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT i, coalesce(e, '') AS e FROM (SELECT i, read_error(url) AS e FROM {}) t ORDER BY i",
        rows(urls)
    );
    let mut errors = vec![];
    for batch in query(ctx, &sql).await? {
        let column = batch.column(1).as_string::<i32>();
        errors.extend(column.iter().flatten().map(str::to_string));
    }
    Ok(errors)
}

async fn number(ctx: &SessionContext, sql: &str) -> Result<i64> {
    let batches = query(ctx, sql).await?;
    Ok(batches[0].column(0).as_primitive::<Int64Type>().value(0))
}

async fn failure(ctx: &SessionContext, sql: &str) -> String {
    let error = query(ctx, sql).await.unwrap_err();
    match error.downcast_ref() {
        Some(error) => plain_message(error),
        None => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_a_web_server_have_the_bytes_that_it_sends() -> Result<()> {
    let server = WebServer::start()?;
    let urls: Vec<_> = (0..40_u32)
        .map(|i| {
            let image = images::png(i, 10 + i, 20);
            server.put(&format!("/{i}.png"), Page::File(image.into()))
        })
        .collect();
    let local = session(&server)?;
    let cluster = shared_cluster()?;
    let remote = cluster_session(&cluster, "")?;
    allow(&remote, &server)?;
    let sql = format!(
        "SELECT i, image_info(c)['width'] AS width FROM (SELECT i, read_image(url) AS c FROM {}) t \
         ORDER BY i",
        rows(&urls)
    );
    let here = pretty_format_batches(&query(&local, &sql).await?)?.to_string();
    assert!(here.contains("| 39 | 49    |"), "{here}");
    let there = pretty_format_batches(&query(&remote, &sql).await?)?.to_string();
    assert_eq!(here, there);
    assert_eq!(server.requests().len(), 2 * urls.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_url_leads_to_the_machine_or_its_metadata() -> Result<()> {
    let server = WebServer::start()?;
    let (local, port) = (local_session("")?, server.port());
    server.put("/x", Page::File("secret".into()));
    let own = [
        format!("http://127.0.0.1:{port}/x"),
        format!("http://localhost:{port}/x"),
        format!("http://LOCALHOST:{port}/x"),
        format!("http://2130706433:{port}/x"),
        format!("http://0x7f.1:{port}/x"),
        format!("http://0177.0.0.1:{port}/x"),
        format!("http://127.1:{port}/x"),
        format!("http://[::1]:{port}/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/x"),
        format!("http://[::ffff:7f00:1]:{port}/x"),
    ];
    let metadata = [
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "http://2852039166/latest/",
        "http://0xa9fea9fe/latest/",
        "http://0251.0376.0251.0376/latest/",
        "http://[::ffff:169.254.169.254]/latest/",
        "http://[::ffff:a9fe:a9fe]/latest/",
        "http://[64:ff9b::a9fe:a9fe]/latest/",
        "http://[fd00:ec2::254]/latest/",
        "http://169.254.170.2/v2/credentials/",
        "http://0.0.0.0/x",
        "http://0/x",
    ];
    let cluster = shared_cluster()?;
    let remote = cluster_session(&cluster, "")?;
    for ctx in [&local, &remote] {
        for error in errors(ctx, &own).await? {
            assert!(error.contains("of this machine or its network"), "{error}");
        }
        for error in errors(ctx, &metadata).await? {
            assert!(error.contains("is never read"), "{error}");
        }
    }
    // Whoever names such an address may not read it either.
    set(
        &local,
        "pomona.url_hosts",
        "169.254.169.254, *, [fd00:ec2::254], 0.0.0.0",
    )?;
    for error in errors(&local, &metadata).await? {
        assert!(error.contains("is never read"), "{error}");
    }
    let sql = format!("SELECT read_image('{}')", own[0]);
    let error = failure(&local, &sql).await;
    assert!(
        error.contains("add '127.0.0.1' to pomona.url_hosts"),
        "{error}"
    );
    assert_eq!(server.requests(), [""; 0], "nothing reached the server");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_leads_nowhere_that_a_url_may_not() -> Result<()> {
    let server = WebServer::start()?;
    let ctx = session(&server)?;
    let port = server.port();
    server.put("/x", Page::File("bytes".into()));
    let to = |path: &str, target: &str| server.put(path, Page::Redirect(target.to_string()));
    let allowed = [to("/1", "/2"), to("/2", "x"), to("/3", &server.url("/x"))];
    assert_eq!(errors(&ctx, &allowed).await?, ["", "", ""]);

    let refused = [
        (
            to("/a", "http://169.254.169.254/latest/"),
            "may not be read",
        ),
        (to("/b", &format!("http://localhost:{port}/x")), "localhost"),
        (to("/c", "file:///etc/passwd"), "kind file"),
        (to("/d", "s3://bucket/x"), "kind s3"),
        (to("/e", "/e"), "redirects"),
        (
            to("/f", &format!("http://u:p@127.0.0.1:{port}/x")),
            "password",
        ),
        (to("/g", "http://[::ffff:a9fe:a9fe]/"), "may not be read"),
    ];
    let urls: Vec<_> = refused.iter().map(|(url, _)| url).collect();
    let before = server.count("/x");
    for (error, (url, words)) in errors(&ctx, &urls).await?.iter().zip(&refused) {
        assert!(error.contains(words), "{url}: {error}");
    }
    assert_eq!(server.count("/x"), before);

    // Also where every host may be read.
    let any = format!("*, 127.0.0.1:{port}");
    set(&ctx, "pomona.url_hosts", &any)?;
    let errors = errors(&ctx, &urls[..2]).await?;
    assert!(errors[0].contains("is never read"), "{}", errors[0]);
    assert!(errors[1].contains("of this machine"), "{}", errors[1]);
    assert_eq!(server.count("/x"), before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_seconds_have_a_limit() -> Result<()> {
    let server = WebServer::start()?;
    let ctx = session(&server)?;
    set(&ctx, "pomona.url_max_bytes", "100000")?;
    let urls = [
        server.put("/full", Page::File(vec![1; 100_000].into())),
        server.put("/large", Page::File(vec![1; 100_001].into())),
        server.put("/endless", Page::Endless),
    ];
    let too_large = "more than 100000 bytes (pomona.url_max_bytes)";
    assert_eq!(errors(&ctx, &urls).await?, ["", too_large, too_large]);

    // As long as a busy server may take to see a request.
    set(&ctx, "pomona.url_timeout", "4")?;
    set(&ctx, "pomona.url_retries", "1")?;
    let silent = [server.put("/silent", Page::Silent)];
    let late = errors(&ctx, &silent).await?;
    assert_eq!(late, ["no answer within 4 s (pomona.url_timeout)"]);
    wait_until("two requests", || server.count("/silent") == 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_asked_for_again() -> Result<()> {
    let server = WebServer::start()?;
    let ctx = session(&server)?;
    let failing = |times, status| Page::Failing(times, status, "bytes".into());
    let urls = [
        server.put("/twice", failing(2, StatusCode::SERVICE_UNAVAILABLE)),
        server.put("/thrice", failing(3, StatusCode::BAD_GATEWAY)),
        server.put("/busy", failing(1, StatusCode::TOO_MANY_REQUESTS)),
        server.put("/denied", Page::Status(StatusCode::FORBIDDEN)),
        server.url("/none"),
    ];
    let expected = [
        "",
        "the server says 502 Bad Gateway",
        "",
        "the server says 403 Forbidden",
        "not found",
    ];
    assert_eq!(errors(&ctx, &urls).await?, expected);
    for (path, count) in [
        ("/twice", 3),
        ("/thrice", 3),
        ("/busy", 2),
        ("/denied", 1),
        ("/none", 1),
    ] {
        assert_eq!(server.count(path), count, "{path}");
    }
    // A port on which nobody listens, nor can while this has it.
    let closed = tokio::net::TcpSocket::new_v4()?;
    closed.bind(([127, 0, 0, 1], 0).into())?;
    let address = closed.local_addr()?;
    set(&ctx, "pomona.url_hosts", "127.0.0.1")?;
    let error = errors(&ctx, &[format!("http://{address}/x")]).await?;
    assert!(error[0].contains("cannot be reached"), "{error:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_one_request_for_all_functions_of_it() -> Result<()> {
    let server = WebServer::start()?;
    let ctx = session(&server)?;
    let image = images::png(1, 30, 20);
    let url = server.put("/x.png", Page::File(image.into()));
    for (sql, requests) in [
        (
            "SELECT try_read_image(url), read_error(url), image_info(read_image(url)), image_error(read_image(url)) FROM t",
            1,
        ),
        (
            "SELECT image_info(c), image_error(c), length(encode(c, 'hex')) / 2 FROM (SELECT read_image(url) AS c FROM t) s",
            1,
        ),
        (
            "SELECT length(encode(c, 'hex')) / 2 FROM (SELECT try_read_image(url) AS c FROM t) s WHERE image_error(c) IS NULL",
            1,
        ),
        (
            "SELECT count(read_image(url)), count(read_error(url)) FROM t",
            1,
        ),
        (
            "SELECT read_error(url), count(*) FROM t GROUP BY read_error(url)",
            1,
        ),
        ("SELECT url FROM t WHERE read_error(url) IS NULL", 1),
        (
            "SELECT CASE WHEN url = 'x' THEN read_image(url) END FROM t",
            0,
        ),
        (
            "SELECT url FROM (SELECT url, read_image(url) AS c FROM t) s",
            0,
        ),
    ] {
        let before = server.count("/x.png");
        let sql = sql.replace("FROM t", &format!("FROM (VALUES ('{url}')) AS t(url)"));
        query(&ctx, &sql).await?;
        assert_eq!(server.count("/x.png") - before, requests, "{sql}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_urls_are_read_at_once_and_no_more_than_a_query_wants() -> Result<()> {
    let server = WebServer::start()?;
    let ctx = session(&server)?;
    set(&ctx, "datafusion.execution.target_partitions", "1")?;
    set(&ctx, "pomona.url_concurrency", "8")?;
    let page = Page::Slow("bytes".into(), Duration::from_millis(20));
    let urls: Vec<_> = (0..64)
        .map(|i| server.put(&format!("/{i}"), page.clone()))
        .collect();
    let table = rows(&urls);
    let sql = format!(
        "SELECT sum(length(encode(c, 'hex')) / 2) FROM (SELECT read_image(url) AS c FROM {table}) t"
    );
    assert_eq!(number(&ctx, &sql).await?, 5 * 64);
    assert_eq!(server.requests().len(), 64);
    let most = server.most_in_flight();
    assert!((2..=8).contains(&most), "{most} at once");

    let sql = format!("SELECT read_image(url) FROM {table} LIMIT 3");
    query(&ctx, &sql).await?;
    assert_eq!(server.requests().len(), 64 + 3);

    // A query that fails at the first URL asks for no more than are under way.
    let mut urls = urls;
    urls[0] = server.url("/none");
    let sql = format!(
        "SELECT sum(length(encode(read_image(url), 'hex')) / 2) FROM {}",
        rows(&urls)
    );
    let error = failure(&ctx, &sql).await;
    let expected = format!("cannot read {}: not found", urls[0]);
    assert_eq!(error, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn more_bytes_than_a_batch_holds_come_in_several() -> Result<()> {
    let server = WebServer::start()?;
    let ctx = session(&server)?;
    set(&ctx, "datafusion.execution.target_partitions", "1")?;
    let megabytes = server.put("/large", Page::File(vec![1; 12 << 20].into()));
    let urls = vec![megabytes; 12];
    let sql = format!("SELECT i, read_image(url) AS c FROM {}", rows(&urls));
    let batches = query(&ctx, &sql).await?;
    let rows: Vec<_> = batches.iter().map(|batch| batch.num_rows()).collect();
    assert_eq!(rows, [3, 3, 3, 3]);
    let order: Vec<i64> = batches
        .iter()
        .flat_map(|batch| {
            batch
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_bucket_are_read_by_the_sessions_store() -> Result<()> {
    let ctx = local_session("")?;
    let store = Arc::new(InMemory::new());
    for key in ["a b/%20.jpg", "large.jpg"] {
        let bytes = vec![1; if key == "large.jpg" { 2000 } else { 3 }];
        store.put(&Path::parse(key)?, bytes.into()).await?;
    }
    ctx.register_object_store(&Url::parse("s3://bucket")?, store as Arc<dyn ObjectStore>);
    set(&ctx, "pomona.url_max_bytes", "1000")?;
    let urls = [
        "s3://bucket/a b/%20.jpg",
        "s3a://bucket/a b/%20.jpg",
        "s3://bucket/none.jpg",
        "s3://bucket/large.jpg",
        "s3://bucket/folder/",
        "s3://169.254.169.254@bucket/x",
    ];
    let errors = errors(&ctx, &urls).await?;
    let too_large = "more than 1000 bytes (pomona.url_max_bytes)";
    assert_eq!(errors[..4], ["", "", "not found", too_large]);
    assert!(errors[4].contains("names no object"), "{}", errors[4]);
    assert!(errors[5].contains("credentials in a URL"), "{}", errors[5]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_file_is_what_its_links_lead_to() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ctx = local_session("")?;
    let at = |name: &str| folder.path().join(name);
    fs::write(at("secret"), "key")?;
    fs::write(at("image.png"), images::png(1, 5, 5))?;
    symlink(at("secret"), at("link.png"))?;
    symlink(at("image.png"), at("other.png"))?;
    fs::create_dir(at("folder.png"))?;
    let fifo = Command::new("mkfifo").arg(at("pipe.png")).status()?;
    assert!(fifo.success());
    let names = [
        "image.png",
        "other.png",
        "link.png",
        "secret",
        "folder.png",
        "pipe.png",
        "none.png",
    ];
    let urls = names.map(|name| format!("file://{}", at(name).display()));
    let errors_of = errors(&ctx, &urls).await?;
    assert_eq!(errors_of[..2], ["", ""]);
    for refused in &errors_of[2..4] {
        assert!(
            refused.contains("which is no image by its name"),
            "{refused}"
        );
    }
    assert_eq!(
        errors_of[4..],
        [
            "it is no regular file",
            "it is no regular file",
            "not found"
        ]
    );

    set(
        &ctx,
        "pomona.url_hosts",
        &format!("file://{}/", folder.path().display()),
    )?;
    let errors_of = errors(&ctx, &urls).await?;
    assert_eq!(errors_of[..4], ["", "", "", ""]);
    let outside = errors(&ctx, &["file:///etc/passwd"]).await?;
    assert!(outside[0].contains("may not be read"), "{outside:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_may_name_images_of_web_servers() -> Result<()> {
    let server = WebServer::start()?;
    let folder = tempfile::tempdir()?;
    let list = folder.path().join("urls.csv");
    let image = images::png(1, 5, 5);
    let good = server.put("/Apple/1.png", Page::File(image.clone().into()));
    let large = server.put("/Apple/2.png", Page::File(vec![1; 2000].into()));
    let text = format!(
        "url\n{good}?size=5\n{large}\n{}\nhttp://localhost:{}/x\nhttp://169.254.169.254/x\n",
        server.url("/Kiwi/none.png"),
        server.port()
    );
    fs::write(&list, text)?;
    let local = session(&server)?;
    let cluster = shared_cluster()?;
    let remote = cluster_session(&cluster, "")?;
    allow(&remote, &server)?;
    for ctx in [&local, &remote] {
        set(ctx, "pomona.url_max_bytes", "1000")?;
        let create = format!(
            "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{}' OPTIONS (missing 'null')",
            list.display()
        );
        query(ctx, &create).await?;
        let sql = "SELECT label, length(encode(content, 'hex')) / 2 AS bytes, read_error FROM images ORDER BY path DESC";
        let shown = pretty_format_batches(&query(ctx, sql).await?)?.to_string();
        let rows: Vec<_> = shown.lines().skip(3).map(str::to_string).collect();
        assert_eq!(
            rows.len(),
            4,
            "hosts that may not be read are no rows: {shown}"
        );
        assert!(
            rows[0].starts_with("| Kiwi  |       | not found"),
            "{shown}"
        );
        assert!(rows[1].contains("more than 1000 bytes"), "{shown}");
        let expected = format!("| Apple | {}    |", image.len());
        assert!(
            rows[2].starts_with(expected.trim_end_matches('|').trim_end()),
            "{shown}"
        );
        // What a table reads, it reads under the options of the query.
        set(ctx, "pomona.url_hosts", "images.example.com")?;
        assert_eq!(number(ctx, "SELECT count(*) FROM images").await?, 0);
        allow(ctx, &server)?;
    }
    Ok(())
}
