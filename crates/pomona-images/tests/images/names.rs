//! Names with spaces, accents, percent signs and other characters come back as they are.

use std::fs;

use crate::session::{create, run, session, store_with, strings};

/// The last two look alike: é as one character, and as e with a combining accent.
const NAMES: [&str; 13] = [
    "plain.jpg",
    "two words.jpg",
    "a+b&c=d.jpg",
    "100%.jpg",
    "literal%20space.jpg",
    "double%2520.jpg",
    "hash#1.jpg",
    "what?.jpg",
    "tilde~[1]{2}^'\"`|<>.jpg",
    "back\\slash;:@.jpg",
    "日本 🍎.jpg",
    "caf\u{e9}.jpg",
    "cafe\u{301}.jpg",
];

/// Paths and contents, each content being its own file name.
async fn check(location: &str, url: &str, store: std::sync::Arc<object_store::memory::InMemory>) {
    let ctx = session(store, 3);
    create(&ctx, location, "").await.unwrap();
    let mut expected: Vec<_> = NAMES.iter().map(|name| format!("{url}{name}")).collect();
    expected.sort();
    assert_eq!(
        strings(&ctx, "SELECT path FROM images ORDER BY path").await,
        expected
    );
    let sql =
        "SELECT path FROM images WHERE content = arrow_cast(split_part(path, '/', -1), 'Binary')";
    assert_eq!(
        strings(&ctx, &format!("{sql} ORDER BY path")).await,
        expected
    );
    for path in expected {
        let sql = format!(
            "SELECT count(content) FROM images WHERE path = '{}'",
            path.replace('\'', "''")
        );
        let batches = run(&ctx, &sql).await.unwrap();
        let counted = arrow::util::pretty::pretty_format_batches(&batches)
            .unwrap()
            .to_string();
        assert!(counted.contains("| 1 "), "{path}: {counted}");
    }
}

#[tokio::test]
async fn on_the_local_file_system() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["Apple Braeburn 1", "50%20off", "Pêche#2?", "ordner [x]"] {
        let root = dir.path().join(folder);
        fs::create_dir(&root).unwrap();
        for name in NAMES {
            fs::write(root.join(name), name).unwrap();
        }
        let url = format!("file://{}/", root.display());
        let store = store_with::<&str>([]).await;
        check(&url, &url, store.clone()).await;
        check(root.to_str().unwrap(), &url, store).await;
    }
}

#[tokio::test]
async fn in_a_bucket() {
    for folder in ["Apple Braeburn 1", "50%20off", "Pêche#2?", "ordner [x]"] {
        use object_store::ObjectStoreExt;
        let store = store_with::<&str>([]).await;
        for name in NAMES {
            let path = object_store::path::Path::parse(format!("d/{folder}/{name}")).unwrap();
            store.put(&path, name.into()).await.unwrap();
        }
        let url = format!("s3://bucket/d/{folder}/");
        check(&url, &url, store).await;
    }
}
