//! Archives that are damaged, odd or hostile: each fault is a row with its reason.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Command;

use pomona_tests::archives::{Tar, Zip, ZipMember, gzip};

use crate::session::{create, run, session, strings};
use crate::shards::{image, store_of};

/// Each row as its path below the bucket, and the bytes of its content or why it has none.
async fn rows(path: &str, bytes: Vec<u8>) -> Vec<String> {
    let ctx = session(store_of([(path, bytes)]).await, 2);
    let location = format!("s3://bucket/{path}");
    create(&ctx, &location, "OPTIONS (missing 'null')")
        .await
        .unwrap();
    let sql = "SELECT replace(path, 's3://bucket/', '') || ': ' || \
               coalesce(CAST(length(encode(content, 'hex')) / 2 AS VARCHAR), read_error) \
               FROM images ORDER BY path";
    let rows = strings(&ctx, sql).await;

    // The same query without the option is an error if there is any, and never a panic.
    run(&ctx, "DROP TABLE images").await.unwrap();
    create(&ctx, &location, "").await.unwrap();
    let is_bad = rows
        .iter()
        .any(|row| row.ends_with(|c: char| !c.is_ascii_digit()));
    match run(&ctx, "SELECT content FROM images").await {
        Ok(_) => assert!(!is_bad, "{rows:?}"),
        Err(error) => assert!(is_bad && error.to_string().contains(path), "{error}"),
    }
    rows
}

#[tokio::test]
async fn tars_with_odd_members() {
    let long = format!("{}/long.jpg", "d".repeat(150));
    let big = b"\x80\0\0\0\0\0\0\0\0\0\0\x05";
    let tar = Tar::new()
        .file("../../etc/up.jpg", b"x")
        .file("/absolute.jpg", b"12345")
        .file(b"bad-\xff\xfe.jpg", b"x")
        .file(b"cr\rlf\n.jpg", b"x")
        .member("hard.jpg", b'1', b"")
        .member("soft.jpg", b'2', b"")
        .member("sparse.jpg", b'S', b"")
        .member("folder.jpg/", b'5', b"")
        .member("pipe.jpg", b'6', b"")
        .member("rest.jpg", b'M', b"123")
        .pax(&[
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.name", "pax-sparse.jpg"),
        ])
        .file("GNUSparseFile.0/pax-sparse.jpg", b"1\n")
        .pax(&[("path", "é/pax name.jpg"), ("size", "7")])
        .header("short.jpg", b'0', b"00000000000\0")
        .data(b"seven b")
        .member("././@LongLink", b'L', format!("{long}\0").as_bytes())
        .file("truncated-name.jpg", b"long")
        .header("base256.jpg", b'0', big)
        .data(b"five5")
        .member("pax_global_header", b'g', b"12 comment=x\n")
        .member("old.jpg", 0, b"oldest")
        .member("contiguous.jpg", b'7', b"contig")
        .member("unknown.jpg", b'Z', b"unknown")
        .file(".hidden.jpg", b"x")
        .file("__MACOSX/._x.jpg", b"x")
        .file("notes.txt", b"x")
        .file("nested.tar", &Tar::new().file("in.jpg", b"x").finish())
        .file("empty.jpg", b"")
        .finish();
    let link = "it is a link, and links in archives are not followed";
    let sparse = "it is a sparse file, which is not read";
    let expected = [
        "../../etc/up.jpg: its name has a segment ..".to_owned(),
        "absolute.jpg: 5".to_owned(),
        "bad-\\xff\\xfe.jpg: its name is not UTF-8".to_owned(),
        "base256.jpg: 5".to_owned(),
        "contiguous.jpg: 6".to_owned(),
        "cr\\rlf\\n.jpg: its name has a control character".to_owned(),
        format!("{long}: 4"),
        "empty.jpg: 0".to_owned(),
        format!("hard.jpg: {link}"),
        "old.jpg: 6".to_owned(),
        format!("pax-sparse.jpg: {sparse}"),
        "rest.jpg: it began in another volume of its archive".to_owned(),
        format!("soft.jpg: {link}"),
        format!("sparse.jpg: {sparse}"),
        "unknown.jpg: 7".to_owned(),
        "é/pax name.jpg: 7".to_owned(),
    ];
    assert_eq!(
        rows("x.tar", tar).await,
        expected.map(|row| format!("x.tar/{row}"))
    );
}

#[tokio::test]
async fn a_sparse_file_of_many_segments_is_one_row_and_ends_no_shard() {
    let sparse = "it is a sparse file, which is not read";
    for pieces in [0, 1, 4, 5, 25, 26, 46, 47, 200] {
        let tar = Tar::new()
            .file("1.jpg", b"one")
            .sparse("sparse.jpg", pieces)
            .file("2.jpg", b"two!");
        let whole = tar.clone().finish();
        for (path, bytes) in [("x.tar", whole.clone()), ("x.tgz", gzip(&whole))] {
            let expected = ["/1.jpg: 3", "/2.jpg: 4", &format!("/sparse.jpg: {sparse}")];
            let expected = expected.map(|row| format!("{path}{row}"));
            assert_eq!(rows(path, bytes).await, expected, "{pieces}");
        }
    }
    // Within the blocks that have the segments.
    let cut = Tar::new().file("1.jpg", b"one").sparse("x.jpg", 200).cut();
    let rows = rows("x.tar", cut[..1024 + 512 * 4].to_vec()).await;
    assert_eq!(
        rows,
        ["x.tar: the archive ends within a header", "x.tar/1.jpg: 3"]
    );
}

/// Archives that GNU tar makes of sparse files, in each of its formats, where there is a GNU tar.
#[tokio::test]
async fn sparse_files_of_gnu_tar_are_rows_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let version = Command::new("tar").arg("--version").output();
    if !version.is_ok_and(|version| version.stdout.starts_with(b"tar (GNU tar)")) {
        return eprintln!("skipped: no GNU tar to write archives");
    }
    let long = "d".repeat(120);
    fs::create_dir(place.join(&long)).unwrap();
    fs::write(place.join("1.jpg"), "one").unwrap();
    fs::write(place.join("2.jpg"), "two!").unwrap();
    fs::write(place.join("3.jpg"), "3").unwrap();
    let names = ["1.jpg", "a.jpg", "2.jpg", &format!("{long}/b.jpg"), "3.jpg"];
    // Sixty pieces with holes between them.
    for name in [names[1], names[3]] {
        let file = File::create(place.join(name)).unwrap();
        for piece in 0..60 {
            file.write_all_at(&[b'x'; 700], piece * 8192).unwrap();
        }
        if file.metadata().unwrap().blocks() * 512 >= 59 * 8192 {
            return eprintln!("skipped: the file system has no holes");
        }
    }
    let sparse = "it is a sparse file, which is not read";
    for format in [
        &["--format=gnu"][..],
        &["--format=oldgnu"],
        &["--format=posix", "--sparse-version=0.0"],
        &["--format=posix", "--sparse-version=0.1"],
        &["--format=posix", "--sparse-version=1.0"],
    ] {
        let mut tar = Command::new("tar");
        tar.args(["--sparse", "--hole-detection=raw", "-cf", "x.tar"]);
        let made = tar.args(format).args(names).current_dir(place);
        assert!(made.status().unwrap().success(), "{format:?}");
        let bytes = fs::read(place.join("x.tar")).unwrap();
        let expected = [
            "1.jpg: 3".to_owned(),
            "2.jpg: 4".to_owned(),
            "3.jpg: 1".to_owned(),
            format!("a.jpg: {sparse}"),
            format!("{long}/b.jpg: {sparse}"),
        ];
        let expected = expected.map(|row| format!("x.tar/{row}"));
        assert_eq!(rows("x.tar", bytes).await, expected, "{format:?}");
    }
}

#[tokio::test]
async fn tars_that_are_cut_off_or_damaged() {
    let good = || Tar::new().file("1.jpg", &image(1)).file("2.jpg", &image(2));
    let whole = good().finish();
    let within_image = whole[..3 * 512 + 100].to_vec();
    let within_header = whole[..2 * 512 + 200].to_vec();
    let without_end = good().cut();
    let mut damaged = whole.clone();
    damaged[512 + 512 + 10] ^= 1;
    let concatenated = [whole.clone(), Tar::new().file("3.jpg", b"3").finish()].concat();
    let padded = [whole.clone(), vec![0; 10 * 1024], b"rubbish".to_vec()].concat();
    let too_large = Tar::new().header("1.jpg", b'0', b"77777777777\0").cut();
    let enormous = Tar::new()
        .header("1.jpg", b'0', b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")
        .cut();
    let bad_pax = Tar::new()
        .member("x", b'x', b"99 path=a\n")
        .file("1.jpg", b"x")
        .finish();
    let huge_name = Tar::new().header("x", b'L', b"77777777777\0").cut();
    let text_cut = Tar::new()
        .file("1.jpg", b"1")
        .header("a.txt", b'0', b"00000007777\0")
        .cut();
    let no_end = ": the archive has no end: it was cut off";
    let first = "/1.jpg: 137";
    let damage = |at: usize, what: &str| format!(": the header at byte {at} is damaged: {what}");
    let checksum = damage(1024, "its checksum is wrong");
    let records = damage(0, "its PAX records are damaged");
    let name = damage(0, "it has 8589934591 bytes");
    let no_tar = damage(0, "its checksum is wrong");
    let large = "/1.jpg: the archive ends within it";
    for (bytes, expected) in [
        (
            within_image,
            &[first, "/2.jpg: the archive ends within it"][..],
        ),
        (within_header, &[no_end, first]),
        (without_end, &[no_end, first, "/2.jpg: 234"]),
        (damaged, &[&checksum, first]),
        (concatenated, &[first, "/2.jpg: 234", "/3.jpg: 1"]),
        (padded, &[first, "/2.jpg: 234"]),
        (too_large, &[large]),
        (enormous, &[large]),
        (bad_pax, &[&records]),
        (huge_name, &[&name]),
        (
            text_cut,
            &[": the archive ends within a member", "/1.jpg: 1"],
        ),
        (vec![], &[no_end]),
        (b"this is no archive".repeat(100), &[&no_tar]),
        (vec![0; 4 << 20], &[]),
    ] {
        let expected: Vec<_> = expected.iter().map(|row| format!("x.tar{row}")).collect();
        assert_eq!(rows("x.tar", bytes).await, expected);
    }
}

#[tokio::test]
async fn gzips_that_are_cut_off_damaged_or_bombs() {
    let tar = Tar::new()
        .file("1.jpg", &image(1))
        .file("2.jpg", &image(900))
        .finish();
    let whole = gzip(&tar);
    let cut = whole[..whole.len() - 300].to_vec();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8].fill(0xff);
    // Two gigabytes of zeros inside, and none of them is kept.
    let zeros = gzip(&vec![0; 64 << 20]);
    let start = Tar::new().header("bomb.jpg", b'0', b"20000000000\0").cut();
    let bomb = [vec![gzip(&start)], vec![zeros; 32]].concat().concat();
    let damage = ": the gzip is damaged: ";
    for (bytes, count, reason) in [
        (cut, 3, damage),
        (damaged, 3, damage),
        (b"this is no gzip".to_vec(), 1, damage),
        (vec![], 1, ": the"),
        (
            bomb,
            2,
            ": the gzip inflates to more than 200 times its size",
        ),
    ] {
        let rows = rows("x.tgz", bytes).await;
        assert!(rows.len() <= count && rows[0].contains(reason), "{rows:?}");
    }
    let several = [gzip(&tar[..700]), gzip(&tar[700..])].concat();
    assert_eq!(
        rows("x.tgz", several).await,
        ["x.tgz/1.jpg: 137", "x.tgz/2.jpg: 340"]
    );
}

#[tokio::test]
async fn zips_with_odd_members() {
    let encrypted = ZipMember {
        is_encrypted: true,
        ..ZipMember::default()
    };
    let deflated = ZipMember {
        is_deflated: true,
        ..ZipMember::default()
    };
    let bomb = ZipMember {
        declared_more: -999_000,
        ..deflated
    };
    let lie = ZipMember {
        declared_more: i64::from(i32::MAX),
        ..deflated
    };
    let zip = Zip::new()
        .file("good.jpg", b"good")
        .member("secret.jpg", b"secret", encrypted)
        .member("more than declared.jpg", &vec![0; 1_000_000], bomb)
        .member("less than declared.jpg", b"aaaa", lie)
        .member(
            "less.jpg",
            b"abcdefgh",
            ZipMember {
                declared_more: 5,
                ..deflated
            },
        )
        .member(
            "crc.jpg",
            b"checksum",
            ZipMember {
                has_wrong_crc: true,
                ..deflated
            },
        )
        .member(
            "link.jpg",
            b"good.jpg",
            ZipMember {
                mode: 0o120_777,
                ..ZipMember::default()
            },
        )
        .member(
            "sizes.jpg",
            b"abc",
            ZipMember {
                declared_more: 1,
                ..ZipMember::default()
            },
        )
        .file(b"bad-\xff.jpg", b"x")
        .file("../up.jpg", b"x")
        .file("/root.jpg", b"root")
        .file("folder.jpg/", b"")
        .file("nested.zip", b"x")
        .member("deep/deflated.jpg", &image(7), deflated)
        .finish();
    let damage = "its archive is damaged: ";
    let expected = [
        "../up.jpg: its name has a segment ..".to_owned(),
        "bad-\\xff.jpg: its name is not UTF-8".to_owned(),
        format!("crc.jpg: {damage}its checksum is wrong"),
        "deep/deflated.jpg: 719".to_owned(),
        "good.jpg: 4".to_owned(),
        "less than declared.jpg: it declares a size that its bytes cannot have: a zip bomb"
            .to_owned(),
        format!("less.jpg: {damage}it has another size than its directory says"),
        "link.jpg: it is a link, and links in archives are not followed".to_owned(),
        format!("more than declared.jpg: {damage}it has another size than its directory says"),
        "root.jpg: 4".to_owned(),
        "secret.jpg: it is encrypted".to_owned(),
        "sizes.jpg: its two sizes differ, and it is not compressed".to_owned(),
    ];
    assert_eq!(
        rows("x.zip", zip).await,
        expected.map(|row| format!("x.zip/{row}"))
    );
}

#[tokio::test]
async fn zips_that_are_cut_off_or_damaged() {
    let good = || Zip::new().file("1.jpg", &image(1)).file("2.jpg", &image(2));
    let whole = good().finish();
    let directory = whole
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut zip = whole.clone();
        zip[at..at + bytes.len()].copy_from_slice(bytes);
        zip
    };
    let second = whole
        .windows(4)
        .rposition(|four| four == b"PK\x01\x02")
        .unwrap();
    let end = whole
        .windows(4)
        .rposition(|four| four == b"PK\x05\x06")
        .unwrap();
    let cannot = ": the zip cannot be read: ";
    let cut = format!("{cannot}its end is missing: it was cut off");
    let directory_damage = format!("{cannot}its directory is damaged");
    let record = format!("{cannot}its last record is damaged");
    let volumes = format!("{cannot}it is one of several volumes");
    let empty = format!("{cannot}it is empty");
    let overlaps = "it overlaps another member, or ends behind the archive";
    let (first, second_row) = (format!("/1.jpg: {overlaps}"), "/2.jpg: 234");
    let sizes = "/1.jpg: its two sizes differ, and it is not compressed";
    for (bytes, expected) in [
        (whole[..whole.len() / 2].to_vec(), &[cut.as_str()][..]),
        (with(directory, b"XXXX"), &[&directory_damage]),
        (
            with(0, b"XXXX"),
            &[
                "/1.jpg: its archive is damaged: its header is missing",
                second_row,
            ],
        ),
        (
            with(directory + 20, &[0xff, 0xff, 0xff, 0x7f]),
            &[sizes, second_row],
        ),
        (with(end + 4, &[1, 0]), &[&volumes]),
        (with(end + 10, &[9, 0]), &[&directory_damage]),
        (with(end + 12, &[0xff, 0xff, 0xff, 0x7f]), &[&record]),
        (vec![], &[&empty]),
        (Zip::new().finish(), &[]),
        (b"this is no archive".to_vec(), &[&cut]),
    ] {
        let expected: Vec<_> = expected.iter().map(|row| format!("x.zip{row}")).collect();
        assert_eq!(rows("x.zip", bytes).await, expected);
    }
    // Both members are the bytes of the first: one of them cannot be.
    let both = rows("x.zip", with(second + 42, &[0; 4])).await;
    assert!(
        both.iter()
            .any(|row| row.ends_with(&first["/1.jpg".len()..])),
        "{both:?}"
    );
}

/// Every byte of small archives changed, and every length of them: rows or errors, never a panic.
#[tokio::test]
async fn no_archive_is_a_panic() {
    let tar = Tar::new()
        .pax(&[("path", "a.jpg")])
        .file("1.jpg", b"1")
        .finish();
    let zip = Zip::new().file("1.jpg", b"1").finish();
    let shards = [
        ("a.tar", tar.clone()),
        ("b.zip", zip),
        ("c.tgz", gzip(&tar)),
    ];
    for (path, bytes) in shards {
        let steps = (0..bytes.len()).step_by(bytes.len() / 150 + 1);
        for at in steps {
            let mut changed = bytes.clone();
            changed[at] ^= 0x81;
            for bytes in [changed, bytes[..at].to_vec()] {
                let ctx = session(store_of([(path, bytes)]).await, 1);
                create(
                    &ctx,
                    &format!("s3://bucket/{path}"),
                    "OPTIONS (missing 'null')",
                )
                .await
                .unwrap();
                run(&ctx, "SELECT content FROM images").await.unwrap();
            }
        }
    }
}
