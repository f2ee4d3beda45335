//! Requests of browsers: which of them a scheduler answers.
//!
//! A browser sends requests for pages of others too. It is kept from reading the answers, because none
//! allows another origin, and from changing anything. A page whose name its owner lets point to this
//! machine (DNS rebinding) is of the same origin, as the browser sees it; so a service looks at the name that it
//! is called by. Such names are those of a domain: they have a dot, and are no addresses.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tonic::Status;

/// Where Ballista's router puts its redirect to a page of another origin, which nobody is to reach.
pub(crate) const FOREIGN_PAGE: &str = "/foreign-page";

/// The names by which a service may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KnownHosts {
    /// It listens on this machine alone, and may be called by this name too.
    Loopback(String),
    /// It listens where others reach it. Browsers may call it by this name, by names without a domain, and by
    /// addresses; others by any name.
    Elsewhere(String),
}

impl KnownHosts {
    /// The names of a service that listens on `bind_host` and calls itself `external_host`.
    pub(crate) fn of(bind_host: &str, external_host: &str) -> Self {
        let external = external_host.to_ascii_lowercase();
        match is_loopback(bind_host) {
            true => Self::Loopback(external),
            false => Self::Elsewhere(external),
        }
    }

    fn has(&self, host: &str, may_be_page: bool) -> bool {
        match self {
            Self::Loopback(external) => is_loopback(host) || *external == *host,
            Self::Elsewhere(_) if !may_be_page => true,
            Self::Elsewhere(external) => {
                let is_address = address(host).is_some();
                is_address || is_loopback(host) || !host.contains('.') || *external == *host
            }
        }
    }
}

/// Whether a name or an address is that of this machine as such.
pub(crate) fn is_loopback(host: &str) -> bool {
    let is_name = host == "localhost" || host.ends_with(".localhost");
    is_name || address(host).is_some_and(|ip| ip.is_loopback())
}

fn address(host: &str) -> Option<IpAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().ok()
}

/// The name in `HOST[:PORT]`.
fn name(authority: &str) -> String {
    let name = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    };
    name.to_ascii_lowercase()
}

/// The host and port that a request is for.
fn authority(request: &Request) -> Option<String> {
    let header = request.headers().get(HOST).and_then(text);
    let of_uri = request.uri().authority();
    header.or_else(|| of_uri.map(ToString::to_string))
}

fn text(value: &HeaderValue) -> Option<String> {
    value.to_str().ok().map(str::to_string)
}

/// Whether a browser says that a page of another origin sends the request.
fn is_foreign(headers: &HeaderMap, authority: &str) -> bool {
    let site = headers.get("sec-fetch-site").and_then(text);
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let origin = text(origin).unwrap_or_default();
    let of_origin = origin.split_once("://").map(|(_, host)| host);
    // "null" is a page without an origin, in a frame or from a file.
    of_origin.is_none_or(|host| !host.eq_ignore_ascii_case(authority))
}

/// Why a request is refused.
fn refusal(request: &Request, hosts: &KnownHosts) -> Option<(StatusCode, &'static str)> {
    // No browser speaks HTTP/2 without TLS, where the certificate has the name.
    let may_be_browser = request.version() != Version::HTTP_2;
    let authority = authority(request).unwrap_or_default();
    let path = request.uri().path();
    let is_for_machines =
        path.starts_with("/api/") || matches!(path, "/healthz" | "/readyz" | "/metrics");
    // Browsers name the origin of all that is to change something.
    let may_be_page = !is_for_machines || request.headers().contains_key(ORIGIN);
    if may_be_browser && !hosts.has(&name(&authority), may_be_page) {
        let reason = "this service is not known by that name: --external-host names it";
        return Some((StatusCode::MISDIRECTED_REQUEST, reason));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && is_foreign(request.headers(), &authority) {
        let reason = "a page of another origin cannot change anything here";
        return Some((StatusCode::FORBIDDEN, reason));
    }
    if path == FOREIGN_PAGE {
        return Some((StatusCode::NOT_FOUND, "not found"));
    }
    if request.method() == Method::OPTIONS {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "no other origin is allowed"));
    }
    None
}

/// The answer where there is nothing: 404, and to a client of gRPC what it expects.
pub(crate) async fn unknown(headers: HeaderMap) -> Response {
    let kind = headers.get(CONTENT_TYPE).and_then(text);
    match kind.is_some_and(|kind| kind.starts_with("application/grpc")) {
        true => Status::unimplemented("").into_http(),
        false => (StatusCode::NOT_FOUND, "not found").into_response(),
    }
}

/// Refuses what pages of other origins may not do, and takes permissions for other origins out of answers.
pub(crate) async fn same_origin(
    State(hosts): State<Arc<KnownHosts>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match refusal(&request, &hosts) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    let kind = headers.get(CONTENT_TYPE).and_then(text);
    if kind.is_some_and(|kind| kind.starts_with("application/grpc")) {
        return response;
    }
    let permissions: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in permissions {
        headers.remove(name);
    }
    headers.remove(VARY);
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        // With none at all, a browser sends the forms of these pages from the origin "null".
        ("referrer-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    fn status(request: &Request, hosts: &KnownHosts) -> Option<u16> {
        refusal(request, hosts).map(|(status, _)| status.as_u16())
    }

    #[test]
    fn a_service_of_this_machine_is_called_by_its_names() {
        let hosts = KnownHosts::of("127.0.0.1", "Scheduler.example");
        for host in [
            "localhost:50050",
            "127.0.0.1:50050",
            "127.0.0.9",
            "[::1]:50050",
            "scheduler.example:50050",
        ] {
            let request = request(Method::GET, "/", &[("host", host)]);
            assert_eq!(status(&request, &hosts), None, "{host}");
        }
        for host in [
            "evil.example:50050",
            "10.0.0.7:50050",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
        ] {
            let request = request(Method::GET, "/", &[("host", host)]);
            assert_eq!(status(&request, &hosts), Some(421), "{host}");
        }
        assert_eq!(status(&request(Method::GET, "/", &[]), &hosts), Some(421));
    }

    #[test]
    fn pages_of_a_service_that_others_reach_have_no_foreign_domain() {
        let hosts = KnownHosts::of("0.0.0.0", "scheduler.example");
        for (host, refused) in [
            ("10.0.0.7:50050", None),
            ("[fd00::7]:50050", None),
            ("scheduler:50050", None),
            ("Scheduler.Example:50050", None),
            ("localhost:50050", None),
            ("evil.example:50050", Some(421)),
        ] {
            let page = request(Method::GET, "/", &[("host", host)]);
            assert_eq!(status(&page, &hosts), refused, "{host}");
            let origin = format!("http://{host}");
            let headers = [("host", host), ("origin", origin.as_str())];
            let changes = request(Method::PATCH, "/api/job/a", &headers);
            assert_eq!(status(&changes, &hosts), refused, "{host}");
            // Clients that are no browsers may have other names for it.
            for path in ["/api/jobs", "/metrics", "/readyz"] {
                let asks = request(Method::GET, path, &[("host", host)]);
                assert_eq!(status(&asks, &hosts), None, "{host}");
            }
        }
    }

    #[test]
    fn only_pages_of_the_same_origin_change_anything() {
        let hosts = KnownHosts::of("10.0.0.7", "localhost");
        let host = ("host", "10.0.0.7:50050");
        let own = ("origin", "http://10.0.0.7:50050");
        for (headers, expected) in [
            (vec![host], None),
            (vec![host, own], None),
            (vec![host, own, ("sec-fetch-site", "same-origin")], None),
            (vec![host, ("origin", "http://10.0.0.7:8080")], Some(403)),
            (vec![host, ("origin", "https://evil.example")], Some(403)),
            (vec![host, ("origin", "null")], Some(403)),
            (vec![host, ("sec-fetch-site", "cross-site")], Some(403)),
            (vec![host, ("sec-fetch-site", "same-site")], Some(403)),
        ] {
            for method in [Method::POST, Method::PATCH, Method::DELETE] {
                let request = request(method, "/api/job/a", &headers);
                assert_eq!(status(&request, &hosts), expected, "{headers:?}");
            }
            // Reading is harmless: the answer is kept from the other page.
            let read = request(Method::GET, "/api/jobs", &headers);
            assert_eq!(status(&read, &hosts), None);
        }
        let asks = request(Method::OPTIONS, "/api/jobs", &[host]);
        assert_eq!(status(&asks, &hosts), Some(405));
        let foreign = request(Method::GET, FOREIGN_PAGE, &[host]);
        assert_eq!(status(&foreign, &hosts), Some(404));
    }
}
