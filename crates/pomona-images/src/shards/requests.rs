//! How many requests the reading of a listing takes.

use super::place::Place;

/// The bytes of a shard that a request reads.
const REQUEST: u64 = 32 << 20;

/// The object that holds an image, given its `path` and `e_tag`: its shard, or itself.
pub fn listed_object<'a>(path: &'a str, e_tag: Option<&str>) -> &'a str {
    let place = e_tag.and_then(Place::parse);
    place.map_or(path, |place| place.shard(path))
}

/// Counts about how many GETs it takes to read images, given in the order of their paths: one an
/// object; of a shard the images in requests of 32 MiB, and its index once more.
#[derive(Debug, Default)]
pub struct ReadRequests {
    requests: u64,
    /// The last shard, and the bytes of its images so far.
    shard: Option<(String, u64)>,
}

impl ReadRequests {
    /// Adds the next image by its `path`, `e_tag` and length.
    pub fn add(&mut self, path: &str, e_tag: Option<&str>, length: u64) {
        let object = listed_object(path, e_tag);
        match &mut self.shard {
            Some((shard, bytes)) if shard.as_str() == object && object.len() < path.len() => {
                *bytes += length
            }
            _ => {
                self.close();
                match object.len() == path.len() {
                    true => self.requests += 1,
                    false => self.shard = Some((object.to_owned(), length)),
                }
            }
        }
    }

    /// The number of requests.
    pub fn total(mut self) -> u64 {
        self.close();
        self.requests
    }

    fn close(&mut self) {
        if let Some((_, bytes)) = self.shard.take() {
            self.requests += 2 * bytes.div_ceil(REQUEST).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_takes_a_request_for_many_images() {
        let in_shard = |i: u64| (format!("s3://b/x.tar/{i}.jpg"), format!("tar@12:{i}:\"v\""));
        let rows: Vec<_> = (0..1000).map(in_shard).collect();
        let mut requests = ReadRequests::default();
        for (path, e_tag) in &rows {
            requests.add(path, Some(e_tag), 100_000);
        }
        // 100 MB are three requests, for the index and again for the images.
        assert_eq!(requests.total(), 2 * 3);
        let mut requests = ReadRequests::default();
        requests.add("s3://b/1.jpg", Some("\"v\""), 9);
        assert_eq!(requests.total(), 1);
        assert_eq!(
            listed_object("s3://b/x.tar/1.jpg", Some("tar@12:0:v")),
            "s3://b/x.tar"
        );
    }
}
