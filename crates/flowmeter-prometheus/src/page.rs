//! The page for people.

use flowmeter_http::Response;

const INDEX: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>flowmeter</title>\n",
    "<h1>flowmeter ",
    env!("CARGO_PKG_VERSION"),
    "</h1>\n<ul>\n",
    "<li><a href=\"/metrics?peek\">/metrics</a>: what Prometheus scrapes, as text, OpenMetrics or protocol buffers. ",
    "The link only looks: to <code>/metrics?peek</code> the final values of what has ended stay for the scrapers.</li>\n",
    "<li><code>/metrics?name[]=…</code>: metrics of these names alone.</li>\n",
    "<li><a href=\"/-/healthy\">/-/healthy</a>: whether the process serves.</li>\n",
    "</ul>\n</html>\n",
);

pub(crate) fn index() -> Response {
    Response::html(INDEX)
}
