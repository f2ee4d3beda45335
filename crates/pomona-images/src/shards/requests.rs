//! How many requests the reading of a listing takes.

use std::collections::HashMap;

use super::place::Place;

/// The bytes of a shard that a request reads.
const REQUEST: u64 = 32 << 20;

/// The object that holds an image, given its `path` and `e_tag`: its shard, or itself.
pub fn listed_object<'a>(path: &'a str, e_tag: Option<&str>) -> &'a str {
    let place = e_tag.and_then(Place::parse);
    place.map_or(path, |place| place.shard(path))
}

/// About how many GETs it takes to read images, given as `path`, `e_tag` and length: one an object;
/// of a shard the images in requests of 32 MiB, and its index once more.
pub fn read_requests<'a>(images: impl Iterator<Item = (&'a str, Option<&'a str>, u64)>) -> u64 {
    let mut objects = 0;
    let mut shards: HashMap<&str, u64> = HashMap::new();
    for (path, e_tag, length) in images {
        match listed_object(path, e_tag) {
            object if object.len() == path.len() => objects += 1,
            shard => *shards.entry(shard).or_default() += length,
        }
    }
    let shards = shards
        .values()
        .map(|bytes| 2 * bytes.div_ceil(REQUEST).max(1));
    objects + shards.sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_takes_a_request_for_many_images() {
        let in_shard = |i: u64| (format!("s3://b/x.tar/{i}.jpg"), format!("tar@12:{i}:\"v\""));
        let rows: Vec<_> = (0..1000).map(in_shard).collect();
        let images = rows
            .iter()
            .map(|(path, e_tag)| (&**path, Some(&**e_tag), 100_000));
        // 100 MB are three requests, for the index and again for the images.
        assert_eq!(read_requests(images), 2 * 3);
        assert_eq!(
            read_requests([("s3://b/1.jpg", Some("\"v\""), 9)].into_iter()),
            1
        );
        assert_eq!(
            listed_object("s3://b/x.tar/1.jpg", Some("tar@12:0:v")),
            "s3://b/x.tar"
        );
    }
}
