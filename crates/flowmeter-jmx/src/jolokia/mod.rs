//! Beans by [Jolokia](https://jolokia.org)'s protocol: JSON over HTTP, for browsers, scripts and Telegraf.
//!
//! It is the protocol of Jolokia 1.7, version 7.2, as far as it reads. The status of HTTP is 200 whatever was asked; that of a request
//! is in its answer.
//!
//! ```text
//! $ curl 'http://127.0.0.1:8778/jolokia/read/java.lang:type=Runtime/Pid'
//! {"request":{"attribute":"Pid","mbean":"java.lang:type=Runtime","type":"read"},"value":4711,"timestamp":1795333406,"status":200}
//!
//! $ curl 'http://127.0.0.1:8778/jolokia/read/flowmeter:type=taskmanager.job.task.operator,name=numRecordsIn,*/Count,Rate?ignoreErrors=true'
//! $ curl 'http://127.0.0.1:8778/jolokia/search/flowmeter:*'
//! $ curl 'http://127.0.0.1:8778/jolokia/list?maxDepth=2'
//!
//! $ curl http://127.0.0.1:8778/jolokia -d '[{"type": "version"}, {"type": "read", "mbean": "java.lang:type=Threading",
//!     "attribute": ["ThreadCount"], "config": {"serializeLong": "string"}}]'
//! ```
//!
//! All requests of a body are answered from one report, and each costs what it asks for: a look at a table for a bean with its name, and a look at
//! each bean for a pattern.
//!
//! | request | answer |
//! |---|---|
//! | `read` | the value of an attribute, or an object with those of several or all; for a pattern by bean |
//! | `search` | the names that match |
//! | `list` | domains, beans, their attributes, class and description |
//! | `version` | what serves |
//! | `write`, `exec` | refused: beans are to be read only; where credentials are wanted, with the 403 of Jolokia's policies |
//!
//! # Parameters
//!
//! They are in the query of the URL or in a request's `config`: `maxDepth`, `maxCollectionSize`, `maxObjects`, `serializeLong`, `ignoreErrors`,
//! `includeStackTrace`, `serializeException`, `canonicalNaming`, `includeRequest`, `listKeys`, `mimeType`, `ifModifiedSince`, and `p` for a path
//! that a proxy would change. Others are ignored. With `ifModifiedSince`, the `timestamp` of an earlier answer, a `list` or `search` has the
//! status 304 and no value as long as no bean has come or gone since. Unlike Jolokia, which takes the first 1000 members of an object unless told otherwise, it leaves none
//! out.
//!
//! Infinities and what is no number, which JSON does not have, are the texts `Infinity`, `-Infinity` and `NaN`.
//!
//! # Who may ask
//!
//! Whoever has the credentials of the [`ServerOptions`](flowmeter_http::ServerOptions), by default whoever reaches the loopback address. Of pages in
//! browsers only those of this host may, and those of [origins that are named](JolokiaOptions::origins): not by CORS, not by having their own name
//! point here, and not by JSONP, which there is none of. The last but one holds on loopback addresses only: by which names other hosts reach a server
//! nobody knows, so one that they reach should want credentials.

mod answer;
#[cfg(test)]
mod hostile;
mod json;
mod list;
mod node;
mod options;
mod origin;
mod parameters;
mod path;
#[cfg(any(test, feature = "hostile"))]
pub(crate) mod probe;
mod problem;
mod read;
mod request;
mod server;

pub use options::JolokiaOptions;
pub use server::JolokiaServer;
