//! What Prometheus and other readers of its formats make of what it is served.

mod demo;
mod exemplars;
mod formats;
mod lifecycle;
mod login;
mod names;
mod quantiles;
