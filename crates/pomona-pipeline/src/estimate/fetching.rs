//! [`Fetching`]: what a process has to fetch so that its cores always have images.

use pomona_images::MOST_IN_FLIGHT;
use serde::Serialize;

/// Requests in flight and bytes a second of a process that computes features.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fetching {
    /// Requests in flight that keep its cores busy: images a second, times the requests that an
    /// image takes, times the seconds of a request.
    pub in_flight: f64,
    /// The most that a process has in flight to a store.
    pub most_in_flight: u64,
    /// Images a second that its cores compute, or fewer, where so many requests bring no more.
    pub images_per_second: f64,
    /// Bytes a second that it then reads.
    pub bytes_per_second: f64,
}

/// An image to be fetched, on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fetch {
    /// Seconds from a request to its last byte.
    pub(crate) latency_seconds: f64,
    /// Requests an image: one, and of images in shards a part of one.
    pub(crate) requests: f64,
    /// Bytes an image.
    pub(crate) bytes: f64,
}

impl Fetching {
    /// What a process fetches whose cores compute so many images a second.
    pub(super) fn of(fetch: Fetch, images_per_second: f64) -> Self {
        let seconds = fetch.latency_seconds * fetch.requests;
        let most = MOST_IN_FLIGHT as f64;
        let brought = match seconds > 0.0 {
            true => most / seconds,
            false => f64::INFINITY,
        };
        let images_per_second = images_per_second.min(brought);
        Self {
            in_flight: images_per_second * seconds,
            most_in_flight: MOST_IN_FLIGHT as u64,
            images_per_second,
            bytes_per_second: images_per_second * fetch.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_in_flight_are_a_rate_times_a_latency() {
        let fetch = Fetch {
            latency_seconds: 0.05,
            requests: 1.0,
            bytes: 5_000.0,
        };
        let few = Fetching::of(fetch, 1_000.0);
        assert!((few.in_flight - 50.0).abs() < 1e-9);
        assert!((few.bytes_per_second - 5e6).abs() < 1e-6);
        assert!((few.images_per_second - 1_000.0).abs() < 1e-9);

        // 512 requests of a second each bring 512 images a second, however many cores wait.
        let slow = Fetch {
            latency_seconds: 1.0,
            ..fetch
        };
        let many = Fetching::of(slow, 6_400.0);
        assert!((many.images_per_second - 512.0).abs() < 1e-9);
        assert!((many.in_flight - 512.0).abs() < 1e-9);

        // A request of a shard brings a thousand.
        let shard = Fetch {
            requests: 0.001,
            ..slow
        };
        let rate = Fetching::of(shard, 6_400.0).images_per_second;
        assert!((rate - 6_400.0).abs() < 1e-9);
        let here = Fetch {
            latency_seconds: 0.0,
            ..fetch
        };
        assert_eq!(Fetching::of(here, 10.0).in_flight, 0.0);
    }
}
