//! What the pages are made of besides their text, and what a browser may do for them.

/// The Content-Security-Policy of every page: its own origin's script, style and events, forms to it, and
/// the icon in the page; nothing else, and no page may frame it.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The style of the pages.
pub const STYLE: &str = include_str!("../assets/console.css");

/// The script of the pages: it replaces the regions that the server sends.
pub const SCRIPT: &str = include_str!("../assets/console.js");
